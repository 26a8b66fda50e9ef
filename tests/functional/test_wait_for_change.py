"""Wait for change: stores the token, then polls; what that means for an environment."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from bivouac import errors, times
from bivouac.aws import cloudmap
from bivouac.diagnosis.health import STEADY_SECONDS
from bivouac.environment.blueprint import Blueprint, cloud_map_tags
from bivouac.services.deployments import Expected
from bivouac.services.progress import CreateProgress, NextStep
from bivouac.waiting import poll
from bivouac.waiting.conditions.ready import QUIET_SECONDS
from bivouac.waiting.conditions.registered import MOST_SKIPPED_POLLS
from bivouac.waiting.wait import POLL_SECONDS, Purpose, Wait
from localcloud.account import SECURITY_GROUP_ID
from localcloud.tasks import scripted
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, small_pages
from tests.functional.machines import Machines, NotReadyError
from tests.requests import connection, depends, environment, event, web

PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"
_OPERATION = {"arn": None, "operationId": "op", "adopted": False}
_THERE = {"arn": "arn:x", "operationId": None, "adopted": False}
HEALTH_CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 1}
CHAIN = environment(
    web(dependsOn=depends("api")),
    web(serviceName="api", desiredCount=3),
    connect=[connection("web", "api")],
)


def created(account: BivouacAccount, request: dict[str, Any]) -> tuple[Machines, float]:
    """A whole create by the functions, and how long it took."""
    began, machines = account.plane.clock.now(), Machines(account)
    machines.create(request)
    return machines, account.plane.clock.now() - began


def failed(account: BivouacAccount, request: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Its last progress, and how long it took until then."""
    began = account.plane.clock.now()
    with pytest.raises(NotReadyError) as caught:
        Machines(account).create(request)
    return caught.value.progress, account.plane.clock.now() - began


def healthy(account: BivouacAccount, request: dict[str, Any]) -> dict[str, Any]:
    """The last answer of the wait for the services."""
    created(account, request)
    answers = [answer for answer in account.tokens.values() if answer]
    assert answers[-1]["status"] == "HEALTHY"
    return answers[-1]


def waited(
    account: BivouacAccount,
    foundation: dict[str, Any] | None = None,
    opened_at: datetime | None = None,
    deadline: str = "2100-01-01T00:00:00Z",
    short: bool = True,
    **progress: Any,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The function's own answer, and that with which the execution was resumed."""
    token = account.token()
    context = {
        "progress": {
            "status": "FOUNDATION",
            "namespaceArn": None,
            "expected": [],
            "blocked": [],
            "going": [],
            "healthy": [],
            "changed": True,
            "patienceSeconds": 900,
        }
        | progress,
        "foundation": foundation or {"namespace": _THERE, "cluster": {"status": "READY"}},
        "openedAt": times.timestamp(opened_at or account.now()),
        "deadline": deadline,
        "short": short,
    }
    given = {"environment": "demo", "generation": 1, "purpose": "services", "token": token}
    answer = account.invoke("wait_for_change", {**given, "context": context})
    return answer, account.tokens[token]


# --- what the services need -----------------------------------------------------------------------


def test_the_wait_ends_when_namespace_and_cluster_are_ready(
    account: BivouacAccount,
) -> None:
    """N04, C02: neither has events, so both are polled until they are ready."""
    blueprint = account.planned(environment())
    account.holds(blueprint)
    held = {"environment": "demo", "generation": 1, "fresh": True}
    foundation = {
        "namespace": account.invoke("create_namespace", held),
        "cluster": account.invoke("create_cluster", held),
    }
    answer, resumed = waited(account, foundation)
    assert answer == {"status": "ANSWERED"}
    assert resumed is not None
    assert resumed["status"] == "CREATE"
    assert resumed["namespaceArn"] == account.namespace(blueprint)
    assert account.client("dynamodb").scan(TableName="waits")["Items"] == []


def test_an_execution_from_before_an_update_waits_for_them_too(account: BivouacAccount) -> None:
    """The answer of `create_namespace` of commit b0cdb58 says nothing about adopting."""
    blueprint = account.planned(environment())
    account.holds(blueprint)
    held = {"environment": "demo", "generation": 1, "fresh": True}
    namespace = account.invoke("create_namespace", held)
    foundation = {
        "namespace": {name: namespace[name] for name in ("arn", "operationId")},
        "cluster": account.invoke("create_cluster", held),
    }
    _, resumed = waited(account, foundation)
    assert resumed is not None
    assert (resumed["status"], resumed["namespaceArn"]) == (
        "CREATE",
        account.namespace(blueprint),
    )


def test_a_step_just_refused_is_not_repeated_at_once(
    account: BivouacAccount,
) -> None:
    """S18, W01: Create services read something older than the poll; a round in vain is
    expensive."""
    blueprint = account.healthy(environment())
    services = account.client("ecs").describe_services(cluster="bivouac-demo", services=["web"])
    (primary,) = services["services"][0]["deployments"]
    expected = Expected("web", primary["taskDefinition"], primary["id"])
    needs = [{"serviceName": "web", "condition": "HEALTHY"}]
    began = account.now()
    _, resumed = waited(
        account,
        namespaceArn=account.namespace(blueprint),
        expected=[expected.to_json()],
        blocked=[{"serviceName": "shop", "needs": needs}],
        changed=False,
    )
    assert resumed is not None
    assert resumed["status"] == "CREATE"
    assert account.now() - began >= timedelta(seconds=POLL_SECONDS)


@pytest.mark.parametrize("code", ["THROTTLED_REQUEST", "INTERNAL_FAILURE"])
def test_an_operation_that_failed_temporarily_is_started_again(
    account: BivouacAccount, code: str
) -> None:
    """N04."""
    account.holds(account.planned(environment()))
    foundation = {
        "namespace": {"arn": None, "operationId": "op-1", "adopted": False},
        "cluster": {"status": "READY"},
    }
    with operation(Status="FAIL", ErrorCode=code, ErrorMessage="because"):
        _, resumed = waited(account, foundation)
    assert resumed is not None
    assert resumed["status"] == "FOUNDATION"


def test_an_unknown_operation_is_started_again(account: BivouacAccount) -> None:
    """N05: expired, or not visible yet; creating again finds out which."""
    account.holds(account.planned(environment()))
    foundation = {"namespace": _OPERATION, "cluster": {"status": "READY"}}
    _, resumed = waited(account, foundation)
    assert resumed is not None
    assert resumed["status"] == "FOUNDATION"


def test_an_operation_that_failed_permanently_is_reported_with_its_reason(
    account: BivouacAccount,
) -> None:
    """N04."""
    account.holds(account.planned(environment()))
    foundation = {"namespace": _OPERATION, "cluster": {"status": "READY"}}
    with (
        operation(Status="FAIL", ErrorCode="ACCESS_DENIED", ErrorMessage="because"),
        pytest.raises(errors.NamespaceFailedError) as caught,
    ):
        waited(account, foundation)
    assert str(caught.value) == "namespace bivouac-demo: ACCESS_DENIED: because"


def operation(**fields: str) -> Any:
    return mock.patch(
        "bivouac.waiting.conditions.foundation.cloudmap.get_operation", return_value=fields
    )


class TestAdopted:
    """What Cloud Map calls a duplicate may be anybody's: once it exists, its tags decide."""

    def waited(
        self, account: BivouacAccount, operation_id: str | None, **more: Any
    ) -> dict[str, Any] | None:
        namespace = {"arn": None, "operationId": operation_id, "adopted": True}
        foundation = {"namespace": namespace, "cluster": {"status": "READY"}}
        return waited(account, foundation, **more)[1]

    def begun(self, account: BivouacAccount, tags: dict[str, str]) -> str:
        """A creation in flight by whoever sets these tags."""
        answer = account.client("servicediscovery").create_http_namespace(
            Name="bivouac-demo", Tags=cloud_map_tags(tags)
        )
        return str(answer["OperationId"])

    @pytest.mark.parametrize("named", [True, False])
    def test_our_own_namespace_is_used(self, account: BivouacAccount, named: bool) -> None:
        blueprint = account.planned(environment())
        account.holds(blueprint)
        operation_id = self.begun(account, blueprint.ownership_tags)
        resumed = self.waited(account, operation_id if named else None)
        assert resumed is not None
        found = cloudmap.find_namespace(account.client("servicediscovery"), "bivouac-demo")
        assert found is not None
        assert (resumed["status"], resumed["namespaceArn"]) == ("CREATE", found.arn)

    @pytest.mark.parametrize("named", [True, False])
    def test_a_strangers_namespace_is_refused(self, account: BivouacAccount, named: bool) -> None:
        """D18: its operation succeeds, and it still is not ours."""
        account.holds(account.planned(environment()))
        operation_id = self.begun(account, {"bivouac:stack": "bivouac"})
        with pytest.raises(errors.ForeignResourceError, match="bivouac-demo"):
            self.waited(account, operation_id if named else None)

    def test_a_namespace_that_never_appears_is_awaited_until_the_deadline(
        self, account: BivouacAccount
    ) -> None:
        account.holds(account.planned(environment()))
        soon = times.timestamp(account.now() + timedelta(minutes=5))
        with pytest.raises(errors.NamespaceFailedError, match="did not exist within"):
            self.waited(account, None, deadline=soon)

    def test_an_operation_that_stays_unknown_is_not_started_for_ever(
        self, account: BivouacAccount
    ) -> None:
        """N05."""
        account.holds(account.planned(environment()))
        foundation = {"namespace": _OPERATION, "cluster": {"status": "READY"}}
        with pytest.raises(errors.NamespaceFailedError, match="did not exist within"):
            waited(account, foundation, deadline=times.timestamp(account.now()))


@pytest.mark.parametrize(
    "state", [{"status": "FAILED"}, {"status": "ACTIVE", "attachmentsStatus": "UPDATE_FAILED"}]
)
def test_a_failed_cluster_is_reported(account: BivouacAccount, state: dict[str, str]) -> None:
    """C02."""
    account.holds(account.planned(environment()))
    foundation = {
        "namespace": _THERE,
        "cluster": {"status": "IN_PROGRESS"},
    }
    described = mock.patch(
        "bivouac.waiting.conditions.foundation.ecs.describe_cluster", return_value=state
    )
    with described, pytest.raises(errors.ClusterFailedError, match="bivouac-demo"):
        waited(account, foundation)


def test_a_superseded_create_waits_for_nothing(account: BivouacAccount) -> None:
    """W17: its token is not stored, and the wait of the one that took over stays."""
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    with pytest.raises(errors.SupersededError, match="generation 1 is over, 2 holds it"):
        waited(account)
    assert account.mutating_calls == []


# --- an environment that becomes healthy ----------------------------------------------------------


def test_the_tutorial_becomes_healthy_registered_proven_and_reachable(
    account: BivouacAccount,
) -> None:
    """H01, H20, H21, P01, P03, P04."""
    answer = healthy(account, event("tutorial"))
    assert {check["outcome"] for check in answer["checks"]} == {"OK"}
    assert [check["name"] for check in answer["checks"]] == [
        "tasks running",
        "only this deployment",
        "proxy attached",
        "registered in Cloud Map as nginx",
    ]
    (target,) = answer["targets"]
    assert (target["endpoint"], target["protocol"], target["port"]) == ("nginx", "http", 80)
    (private,), (public,) = target["private_addresses"], target["public_addresses"]
    assert private.startswith("172.31.")
    assert public.startswith("203.0.113.")
    assert answer["checks"][3]["observed"] == f"{private}:80"
    assert list(answer["edges"].values()) == [["service-connect-nginx-service:nginx"]]


def test_one_service_is_awaited_without_polling(account: BivouacAccount) -> None:
    """S20, W07: a poll when the wait begins, and one as soon as enough events have come."""
    created(account, environment())
    after = account.calls[account.calls.index("ecs:CreateService") :]
    assert after.count("ecs:DescribeServices") <= 4
    assert after.count("ecs:ListTasks") <= 3
    assert after.count("ecs:DescribeTasks") <= 3


def test_a_wave_is_read_once_however_late_cloud_map_lists_it(account: BivouacAccount) -> None:
    """S20: one endpoint is polled until it is listed, then the tasks and the other endpoints."""
    look, wait = of_a_wave_that_runs(account)
    account.forget_calls()
    assert look(wait).again_after == POLL_SECONDS
    assert account.calls == ["ecs:DescribeServices", "servicediscovery:ListInstances"]
    account.pass_time(POLL_SECONDS)
    account.forget_calls()
    answer = look(wait).answer
    assert answer is not None
    assert (answer["status"], answer["healthy"]) == ("CREATE", ["api", "shop"])
    assert account.calls == [
        "ecs:DescribeServices",
        "servicediscovery:ListInstances",
        *("ecs:ListTasks", "ecs:DescribeTasks"),
        "servicediscovery:ListInstances",
    ]
    assert answer["registered"].keys() == {"api", "shop"}


def test_a_failure_during_the_wait_is_read_at_once(account: BivouacAccount) -> None:
    """H02: then it does not wait for Cloud Map."""
    look, wait = of_a_wave_that_runs(account)
    look(wait)
    account.forget_calls()
    look(replace(wait, alarms=1))
    assert account.calls[:2] == ["ecs:DescribeServices", "ecs:ListTasks"]


def test_a_registration_that_never_appears_does_not_delay_for_long(
    account: BivouacAccount,
) -> None:
    """P03: tasks are read anyway, and the check says what is missing."""
    look, wait = of_a_wave_that_runs(account)
    with mock.patch("bivouac.aws.cloudmap.list_instances", return_value=[]):
        for _ in range(MOST_SKIPPED_POLLS):
            assert look(wait).answer is None
        account.forget_calls()
        look(wait)
    assert "ecs:DescribeTasks" in account.calls


def named(account: BivouacAccount, blueprint: Blueprint) -> str:
    found = cloudmap.find_namespace(account.client("servicediscovery"), blueprint.namespace)
    assert found is not None
    return found.arn


def of_a_wave_that_runs(account: BivouacAccount) -> tuple[Any, Wait]:
    """A poll of two services for which a third waits; Cloud Map does not list them yet."""
    needs = [*depends("api"), *depends("shop")]
    request = environment(web(serviceName="api"), web(serviceName="shop"), web(dependsOn=needs))
    blueprint = account.planned(request)
    made = account.convergence(blueprint).converge(CreateProgress(NextStep.CREATE))
    client = account.client("ecs")
    while True:
        found = client.describe_services(cluster="bivouac-demo", services=["api", "shop"])
        if all(each["runningCount"] for each in found["services"]):
            break
        account.pass_time(0.01)
    context = {
        "progress": replace(made, namespace_arn=named(account, blueprint)).to_json(),
        "openedAt": times.timestamp(account.now()),
        "deadline": "2100-01-01T00:00:00Z",
    }
    wait = Wait("demo", 1, "token", Purpose.SERVICES, context)
    record = account.records.current("demo", 1)
    return poll.poll_for(wait, record, urgent=False), wait


def test_a_chain_needs_one_wait_for_each_link(account: BivouacAccount) -> None:
    """Each event that completes a wait lets the next service be created."""
    machines, seconds = created(account, CHAIN)
    assert machines.states.count("create_services") == 2
    assert machines.states.count("services") == 3
    assert seconds < 10


@pytest.mark.parametrize("lag", [0.05, 0.2, 0.5, 1.0, 3.0])
def test_reads_that_lag_behind_events_lose_nothing(account: BivouacAccount, lag: float) -> None:
    """W01, S18: what an event reported does not count as missing, and is not awaited again."""
    account.plane.read_lag = lag
    _, seconds = created(account, CHAIN)
    assert seconds < 15 + 3 * lag


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (lambda event: [event, event], "told twice"),
        (lambda event: [event, event, event], "told three times"),
    ],
)
def test_repeated_events_change_nothing(account: BivouacAccount, told: Any, why: str) -> None:
    """W01."""
    began, machines = account.plane.clock.now(), Machines(account, tells=told)
    assert machines.create(CHAIN)["status"] == "READY", why
    assert machines.states.count("create_services") == 2
    assert account.plane.clock.now() - began < 10


def test_events_in_the_wrong_order_change_nothing(account: BivouacAccount) -> None:
    """W01: an older event of a task comes after a newer one."""
    held: list[dict[str, Any]] = []

    def late(event: dict[str, Any]) -> list[dict[str, Any]]:
        held.append(event)
        return list(reversed(held))

    began, machines = account.plane.clock.now(), Machines(account, tells=late)
    assert machines.create(CHAIN)["status"] == "READY"
    assert account.plane.clock.now() - began < 10


def test_without_events_it_takes_longer_and_ends_the_same(account: BivouacAccount) -> None:
    """W02: no event is the only trigger; the waiting state's time-out polls again."""
    machines = Machines(account, tells=lambda event: [])
    assert machines.create(CHAIN)["status"] == "READY"
    assert machines.states.count("create_services") > 2


def test_running_is_not_enough_if_a_health_check_is_declared(account: BivouacAccount) -> None:
    """H20: health has no events, so it is polled."""
    account.runtime.script("nginx", scripted.healthy(after=20))
    container = {"image": "nginx", "containerPort": 80, "healthCheck": HEALTH_CHECK}
    _, seconds = created(account, environment(web(primaryContainer=container)))
    assert 20 <= seconds < 20 + 3 * POLL_SECONDS + SETTLED_SECONDS


WORKER = environment(web(primaryContainer={"image": "acme/worker"}))


def test_what_nothing_can_ask_must_run_for_a_while(account: BivouacAccount) -> None:
    _, seconds = created(account, WORKER)
    assert STEADY_SECONDS <= seconds < STEADY_SECONDS + 2 * POLL_SECONDS


def test_a_worker_that_crashes_at_its_start_is_never_ready(account: BivouacAccount) -> None:
    """H05: it runs for a second, again and again."""
    account.runtime.script("acme/worker", scripted.exits(1, after=1))
    progress, _ = failed(account, WORKER)
    assert progress["verdicts"][0]["category"] == "container exit"


def test_one_stopped_task_is_no_failure(account: BivouacAccount) -> None:
    """H11: two of the same kind are a failure, one is not."""
    account.runtime.script("nginx", scripted.in_turn(scripted.exits(1, after=0.1), scripted.runs()))
    _, seconds = created(account, environment())
    assert seconds < 60


def test_a_service_without_desired_tasks_is_not_awaited(account: BivouacAccount) -> None:
    assert healthy(account, environment(web(desiredCount=0)))["targets"] == []


def test_fifty_services_are_read_in_batches(account: BivouacAccount) -> None:
    """S20: ten services and a hundred tasks a call."""
    services = [web(serviceName=f"web-{number}") for number in range(50)]
    machines, _ = created(account, environment(*services))
    assert machines.states.count("create_services") == 1
    assert account.calls.count("ecs:CreateService") == 50 + 6
    assert account.calls.count("ecs:DescribeServices") <= 6 * 5
    assert account.calls.count("ecs:DescribeTasks") <= 4


def test_more_than_a_hundred_tasks_are_read(account: BivouacAccount) -> None:
    """S20, D16."""
    expected = account.create(environment(web(desiredCount=101)))
    account.pass_time(SETTLED_SECONDS)
    account.forget_calls()
    namespace = account.namespace(account.planned(environment()))
    progress = [entry.to_json() for entry in expected]
    _, resumed = waited(account, namespaceArn=namespace, expected=progress)
    assert resumed is not None
    assert resumed["status"] == "HEALTHY"
    assert account.calls.count("ecs:DescribeTasks") == 2
    (target,) = resumed["targets"]
    assert (target["tasks"], len(target["private_addresses"])) == (101, 101)


def test_an_execution_from_before_an_update_gets_an_answer_in_its_form(
    account: BivouacAccount,
) -> None:
    """Events come to the live function version; the execution that continues is older."""
    expected = account.create(environment(web(desiredCount=2)))
    account.pass_time(SETTLED_SECONDS)
    namespace = account.namespace(account.planned(environment()))
    progress = [entry.to_json() for entry in expected]
    _, resumed = waited(account, short=False, namespaceArn=namespace, expected=progress)
    assert resumed is not None
    first, second = resumed["targets"]
    assert first.keys() == {
        *("service", "endpoint", "protocol", "port", "path", "lowest_status", "highest_status"),
        *("private_address", "public_address", "not_public"),
    }
    assert first["private_address"] != second["private_address"]
    (edge,) = resumed["edges"]
    assert edge["edge"] == "web:web"


def test_every_page_is_read(account: BivouacAccount) -> None:
    """D16, N08."""
    with small_pages(account):
        answer = healthy(account, environment(web(desiredCount=4)))
    assert len(answer["targets"][0]["private_addresses"]) == 4


# --- one that cannot ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "category", "evidence"),
    [
        (scripted.pull_failed(PULL), "image pull", "not found"),
        (scripted.exits(3, after=0.01), "container exit", "exited with code 3"),
        (
            scripted.exits(137, after=0.01, reason="OutOfMemoryError: Container killed"),
            "out of memory",
            "OutOfMemoryError",
        ),
    ],
    ids=["H07 image", "H11 exit", "H10 memory"],
)
def test_a_permanent_failure_is_reported_within_seconds(
    account: BivouacAccount, script: scripted.Script, category: str, evidence: str
) -> None:
    """H07, H10, H11, H24: promise 4; ECS itself would try for hours."""
    account.runtime.script("nginx", script)
    progress, seconds = failed(account, environment())
    verdict = progress["verdicts"][0]
    assert verdict["category"] == category
    assert any(evidence in entry for entry in verdict["evidence"]), verdict
    assert verdict["task"].startswith("arn:aws:ecs:")
    assert verdict["next_step"]
    assert seconds < 30


def test_every_failed_service_is_reported(account: BivouacAccount) -> None:
    account.runtime.script("nginx", scripted.pull_failed(PULL))
    progress, _ = failed(account, environment(web(), web(serviceName="shop")))
    assert {verdict["service"] for verdict in progress["verdicts"]} <= {"web", "shop"}


def test_a_wrong_answer_is_an_unproven_edge(account: BivouacAccount) -> None:
    """P01: from inside the mesh, through the alias. The application has started: nothing to wait
    for."""
    account.runtime.script("nginx", scripted.answers(status=500))
    progress, seconds = failed(account, environment(timeouts={"ready": "15m"}))
    assert progress["error"] == "ConnectivityError"
    first = progress["verdicts"][0]["evidence"][0]
    assert first == "web:web: web:80: the application answered with a wrong status"
    assert seconds < 60


def test_how_long_a_503_lasts_is_counted_over_polls_functions_and_waits(
    account: BivouacAccount,
) -> None:
    """A 503 is not final: the application may be starting."""
    account.runtime.script("nginx", scripted.answers(status=503))
    progress, _ = failed(account, environment(timeouts={"ready": "3m"}))
    first = progress["verdicts"][0]["evidence"][0]
    seconds = re.search(r"(\d+) s after everything was healthy", first)
    assert seconds is not None, first
    assert int(seconds[1]) > 100


def test_the_deadline_reports_what_is_still_missing(account: BivouacAccount) -> None:
    """W07: no wait without an end; the waiting state times out at the deadline."""
    account.runtime.script("nginx", scripted.never_starts())
    progress, seconds = failed(account, environment(timeouts={"ready": "5m"}))
    verdict = progress["verdicts"][0]
    assert verdict["category"] == "out of time"
    assert any("web: tasks running: 0 of 1" in entry for entry in verdict["evidence"])
    assert 300 <= seconds < 320


def test_a_dependency_that_is_never_healthy_names_who_waits_for_it(
    account: BivouacAccount,
) -> None:
    account.runtime.script("slow", scripted.never_starts())
    slow = web(serviceName="api", primaryContainer={"image": "slow", "containerPort": 80})
    request = environment(web(dependsOn=depends("api")), slow, timeouts={"ready": "2m"})
    progress, _ = failed(account, request)
    assert any("web: waits for api (HEALTHY)" in e for e in progress["verdicts"][0]["evidence"])


def interfering(account: BivouacAccount, act: Any) -> Machines:
    """Somebody else acts as soon as the services were created."""
    machines = Machines(account)

    def before(step: str) -> None:
        if step == "wait_for_change" and "create_services" in machines.states:
            act()
            machines.before_step = lambda step: None

    machines.before_step = before
    return machines


def test_a_service_deleted_by_somebody_fails(account: BivouacAccount) -> None:
    client = account.client("ecs")
    machines = interfering(
        account,
        lambda: client.delete_service(cluster="bivouac-demo", service="web", force=True),
    )
    with pytest.raises(NotReadyError) as caught:
        machines.create(environment())
    assert caught.value.progress["verdicts"][0]["service"] == "web"


def test_a_foreign_deployment_fails(account: BivouacAccount) -> None:
    """H03: somebody else's update, or ECS's own rollback."""
    client = account.client("ecs")
    machines = interfering(
        account,
        lambda: client.update_service(
            cluster="bivouac-demo", service="web", forceNewDeployment=True
        ),
    )
    with pytest.raises(NotReadyError) as caught:
        machines.create(environment())
    assert "ecs-svc/" in caught.value.progress["verdicts"][0]["evidence"][0]


# --- what is reachable ----------------------------------------------------------------------------


def test_a_task_that_no_group_admits_from_outside_is_reported(account: BivouacAccount) -> None:
    """P04, P09."""
    client, port = account.client("ec2"), {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    world = {**port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    inside = {**port, "IpRanges": [{"CidrIp": "172.31.0.0/16"}]}
    client.revoke_security_group_ingress(GroupId=SECURITY_GROUP_ID, IpPermissions=[world])
    client.authorize_security_group_ingress(GroupId=SECURITY_GROUP_ID, IpPermissions=[inside])
    (target,) = healthy(account, environment())["targets"]
    assert target["public_addresses"] == []
    assert target["not_public"] == "no security group admits 0.0.0.0/0 on 80"


def test_a_task_without_a_public_address_is_reported(account: BivouacAccount) -> None:
    """P04."""
    vpc = {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}
    (target,) = healthy(account, environment(web(networkConfiguration=vpc)))["targets"]
    assert target["public_addresses"] == []
    assert target["not_public"] == "the task has no public address"


@pytest.mark.parametrize(("seconds", "closely"), [(1, False), (QUIET_SECONDS + 1, True)])
def test_tasks_are_read_after_a_long_silence(
    account: BivouacAccount, seconds: float, closely: bool
) -> None:
    """W02: events can be lost. Until then, one call shows that nothing has changed."""
    account.runtime.script("nginx", scripted.never_starts())
    expected: Any = [entry.to_json() for entry in account.create(environment())]
    namespace = account.namespace(account.planned(environment()))
    opened_at = account.now() - timedelta(seconds=seconds)
    account.forget_calls()
    answer, resumed = waited(
        account, opened_at=opened_at, namespaceArn=namespace, expected=expected
    )
    assert (answer["status"], resumed) == ("WAITS", None)
    assert ("ecs:ListTasks" in account.calls) is closely
