"""Create services: does once what can be done now, and says what the rest waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from bivouac import errors, times
from bivouac.aws import ecs
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.environment.record import Status
from bivouac.services.changes import ServiceConvergence
from bivouac.services.deployments import Expected
from bivouac.services.patience import (
    LONGEST_PATIENCE_SECONDS,
    SHORTEST_PATIENCE_SECONDS,
    patience_seconds,
)
from bivouac.services.progress import CreateProgress, NextStep
from localcloud.account import SUBNET_IDS
from localcloud.timings import TEST
from tests.faults.injection import Fault, Injection, at, injected
from tests.functional.account import (
    HISTORY_SECONDS,
    SETTLED_SECONDS,
    TABLE,
    BivouacAccount,
    small_pages,
)
from tests.functional.inventory import foreign_service
from tests.functional.machines import FunctionKilledError, Machines, NotReadyError
from tests.requests import connection, depends, environment, web
from tests.unit.planned import full

CHAIN = environment(web(dependsOn=depends("api")), web(serviceName="api"))
PORT = "taskDefinition.containerDefinitions.0.portMappings.0"
PROOF = "bivouac-proof-1-1"


def described(account: BivouacAccount, *names: str) -> dict[str, dict[str, Any]]:
    client = account.client("ecs")
    return ecs.describe_services(
        client, "bivouac-demo", names or ecs.list_services(client, "bivouac-demo")
    )


def converged(
    convergence: ServiceConvergence,
    before: list[dict[str, str]] | None = None,
    *healthy: str,
) -> dict[str, Any]:
    expected = tuple(Expected.from_json(entry) for entry in before or [])
    progress = CreateProgress(NextStep.CREATE, expected=expected, healthy=healthy)
    return convergence.converge(progress).to_json()


def names(answer: dict[str, Any], part: str = "expected") -> list[str]:
    return [entry["serviceName"] for entry in answer[part]]


def again(account: BivouacAccount, request: dict[str, Any], name: str = "second") -> Machines:
    """Another whole create of the existing environment; only its calls are recorded."""
    account.pass_time(HISTORY_SECONDS)
    account.events.clear()
    account.forget_calls()
    machines = Machines(account)
    machines.create(request, name)
    return machines


def ready(account: BivouacAccount, request: dict[str, Any]) -> None:
    Machines(account).create(request)


# --- removed edges --------------------------------------------------------------------------------


def test_an_unchanged_create_after_the_removal_of_an_edge_changes_nothing(
    account: BivouacAccount,
) -> None:
    """TagResource adds tags and removes none."""
    services = [web(), web(serviceName="api")]
    ready(account, environment(*services, connect=[connection("web", "api")]))
    again(account, environment(*services), "second")
    assert account.mutating_calls.count("ecs:UpdateService") == 1
    again(account, environment(*services), "third")
    assert account.changes == []


# --- foreign changes ------------------------------------------------------------------------------


def scaled(account: BivouacAccount, count: int) -> None:
    client = account.client("ecs")
    client.update_service(cluster="bivouac-demo", service="web", desiredCount=count)


def deployed_anew(account: BivouacAccount, **changes: Any) -> None:
    client = account.client("ecs")
    client.update_service(cluster="bivouac-demo", service="web", forceNewDeployment=True, **changes)


def deleted(account: BivouacAccount) -> None:
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)


OTHER_NETWORK = {"awsvpcConfiguration": {"subnets": [SUBNET_IDS[0]], "securityGroups": []}}


@pytest.mark.parametrize(
    "by_hand",
    [
        partial(scaled, count=0),
        partial(scaled, count=1),
        partial(scaled, count=3),
        deleted,
        deployed_anew,
        partial(deployed_anew, networkConfiguration=OTHER_NETWORK),
    ],
    ids=["to zero", "down", "up", "deleted", "deployed", "another network"],
)
def test_the_next_create_restores_what_the_request_says(
    account: BivouacAccount, by_hand: Callable[[BivouacAccount], None]
) -> None:
    request = environment(web(desiredCount=2))
    ready(account, request)
    network = described(account)["web"]["networkConfiguration"]
    by_hand(account)
    again(account, request)
    service = described(account)["web"]
    assert (service["desiredCount"], service["runningCount"]) == (2, 2)
    assert service["networkConfiguration"] == network
    again(account, request, "third")
    assert account.changes == []


# --- lost records ---------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{}, {"desiredCount": 2}, {"serviceName": "shop"}])
def test_a_create_after_the_loss_of_the_record_converges_what_exists(
    account: BivouacAccount, changed: dict[str, Any]
) -> None:
    """S01: nothing says that anything exists, and ECS still has the first create's tokens."""
    ready(account, environment(web(), web(serviceName="api")))
    key = {"environment": {"S": "demo"}}
    account.client("dynamodb").delete_item(TableName=TABLE, Key=key)
    request = environment(web(**changed), web(serviceName="api"))
    again(account, request)
    wanted = account.planned(request)
    assert {name: each["desiredCount"] for name, each in described(account).items()} == {
        service.service_name: service.arguments["desiredCount"] for service in wanted.services
    }


# --- foreign resources ----------------------------------------------------------------------------


def test_a_strangers_service_in_our_cluster_delays_nothing(
    account: BivouacAccount,
) -> None:
    """D18: it is not ours, so nothing waits until it is gone."""
    ready(account, environment())
    foreign_service(account, "bivouac-demo")
    again(account, environment())
    record = account.record()
    assert (record.generation, record.status) == (2, Status.READY)
    assert "theirs" in described(account)
    assert account.mutating_calls.count("ecs:DeleteService") == 0


def test_our_removed_service_beside_a_strangers_is_awaited(account: BivouacAccount) -> None:
    ready(account, environment(web(), web(serviceName="api")))
    foreign_service(account, "bivouac-demo")
    blueprint = account.planned(environment())
    answer = converged(account.convergence(blueprint, generation=2))
    assert answer["going"] == ["api"]


# --- creating -------------------------------------------------------------------------------------


def test_the_deployment_to_wait_for_is_named(account: BivouacAccount) -> None:
    """H01, S19, T09: ours, not a later one, with the revision that was registered."""
    answer = converged(account.convergence(account.planned(environment())))
    assert names(answer) == ["web", PROOF]
    service = described(account)["web"]
    assert answer["expected"][0]["deploymentId"] == service["deployments"][0]["id"]
    assert answer["expected"][0]["taskDefinitionArn"] == service["taskDefinition"]
    assert (answer["blocked"], answer["going"]) == ([], [])
    tags = from_ecs_tags(service["tags"])
    assert (tags["bivouac:stack"], tags["bivouac:environment"]) == ("bivouac", "demo")


def test_a_new_cluster_is_listed_once(account: BivouacAccount) -> None:
    """Nothing that cannot exist is described."""
    convergence = account.convergence(account.planned(environment(web(), web(serviceName="api"))))
    account.forget_calls()
    converged(convergence)
    assert account.calls == ["ecs:ListServices", *["ecs:CreateService"] * 3]


def test_a_blocked_service_is_reported_and_created_once_its_dependency_is_healthy(
    account: BivouacAccount,
) -> None:
    convergence = account.convergence(account.planned(CHAIN))
    first = converged(convergence)
    assert names(first) == ["api"]
    assert {entry["serviceName"]: entry["needs"] for entry in first["blocked"]}["web"] == [
        {"serviceName": "api", "condition": "HEALTHY"}
    ]
    account.forget_calls()
    still = converged(convergence, first["expected"])
    assert (names(still), account.mutating_calls) == (["api"], [])
    second = converged(convergence, first["expected"], "api")
    assert sorted(names(second)) == ["api", PROOF, "web"]
    assert second["blocked"] == []


def test_a_circle_of_calls_is_created_in_one_step(account: BivouacAccount) -> None:
    """P08: the first one is deployed once more, so that its tasks resolve the other."""
    request = environment(
        web(), web(serviceName="api"), connect=[connection("web", "api"), connection("api", "web")]
    )
    convergence = account.convergence(account.planned(request))
    account.forget_calls()
    with slow_calls(account):
        answer = converged(convergence)
    assert account.calls.count("ecs:CreateService") == 3
    assert account.calls.count("ecs:UpdateService") == 1
    primary = {n: s["deployments"][0]["id"] for n, s in described(account).items()}
    assert {e["serviceName"]: e["deploymentId"] for e in answer["expected"]} == primary
    account.forget_calls()
    converged(convergence, answer["expected"])
    assert account.mutating_calls == []


def test_in_a_fresh_environment_an_earlier_waves_services_are_not_read_again(
    account: BivouacAccount,
) -> None:
    """The poll that ended the last wait has just read them."""
    convergence = fresh(account, CHAIN)
    first = converged(convergence)
    account.forget_calls()
    second = converged(convergence, first["expected"], "api")
    assert sorted(names(second)) == ["api", PROOF, "web"]
    assert account.calls == ["ecs:CreateService"] * 2
    assert second["expected"][0] == first["expected"][0]


def test_an_earlier_waves_services_are_read_before_they_are_changed(
    account: BivouacAccount,
) -> None:
    """P08: it calls what only the next wave creates. A kill after that does not deploy it once
    more."""
    request = environment(
        web(dependsOn=depends("api")), web(serviceName="api"), connect=[connection("api", "web")]
    )
    convergence = fresh(account, request)
    first = converged(convergence)
    account.pass_time(SETTLED_SECONDS)
    account.forget_calls()
    with slow_calls(account):
        done = converged(convergence, first["expected"], "api")
        assert account.calls.count("ecs:UpdateService") == 1
        assert "ecs:DescribeServices" in account.calls
        account.forget_calls()
        again = converged(convergence, first["expected"], "api")
    assert "ecs:UpdateService" not in account.calls
    assert deployments(again)["web"] == deployments(done)["web"]
    assert len(described(account)) == 3


def fresh(account: BivouacAccount, request: dict[str, Any]) -> ServiceConvergence:
    """An environment in which only this execution can have created anything."""
    blueprint = account.planned(request)
    account.convergence(blueprint)
    return ServiceConvergence(
        blueprint,
        1,
        account.namespace(blueprint),
        account.definitions(blueprint),
        account.client("ecs"),
        account.client("servicediscovery"),
        account.patience(),
        fresh=True,
        proven={},
    )


def deployments(answer: dict[str, Any]) -> dict[str, str]:
    return {entry["serviceName"]: entry["deploymentId"] for entry in answer["expected"]}


def slow_calls(account: BivouacAccount) -> Any:
    """Each call takes a second, because creation times must differ."""
    act = ServiceConvergence._act

    def slowly(self: ServiceConvergence, action: Any) -> Any:
        account.pass_time(1)
        return act(self, action)

    return mock.patch.object(ServiceConvergence, "_act", slowly)


# --- nothing to change ----------------------------------------------------------------------------


def test_an_unchanged_request_changes_nothing_of_the_environment(account: BivouacAccount) -> None:
    """S01: not even a proof client is created, because proofs stay valid."""
    request = environment(web(), web(serviceName="api"), connect=[connection("web", "api")])
    ready(account, request)
    machines = again(account, request)
    assert account.changes == []
    assert machines.states.count("create_services") <= 1


def test_repeating_the_step_changes_nothing(account: BivouacAccount) -> None:
    """S01."""
    convergence = account.convergence(account.planned(environment()))
    first = converged(convergence)
    account.forget_calls()
    assert converged(convergence) == {**first, "changed": False}
    assert account.mutating_calls == []


@pytest.mark.parametrize("number", range(1, 5))
def test_a_step_killed_after_any_call_is_completed_by_repeating_it(
    account: BivouacAccount, number: int
) -> None:
    """S21, S01: nothing is created twice."""
    request = environment(web(), web(serviceName="api"))
    convergence = account.convergence(account.planned(request))
    account.forget_calls()
    with (
        injected(Injection(account, Fault.KILLED, at(number))),
        pytest.raises(FunctionKilledError),
    ):
        converged(convergence)
    assert sorted(names(converged(convergence))) == ["api", PROOF, "web"]
    assert sorted(described(account)) == ["api", PROOF, "web"]
    assert all(len(service["deployments"]) == 1 for service in described(account).values())


# --- changed requests -----------------------------------------------------------------------------


def test_a_changed_service_is_updated_once_and_proven_again(account: BivouacAccount) -> None:
    """S01, S19, H01."""
    ready(account, environment(web(), web(serviceName="shop")))
    again(account, environment(web(), web(serviceName="shop", desiredCount=2)))
    updates = [call for call in account.mutating_calls if "Update" in call and "ecs" in call]
    assert updates == ["ecs:UpdateService"]
    assert described(account)["shop"]["desiredCount"] == 2
    account.forget_calls()
    again(account, environment(web(), web(serviceName="shop", desiredCount=2)), "third")
    assert account.changes == []


def test_a_service_is_added_beside_the_others(account: BivouacAccount) -> None:
    ready(account, environment(web()))
    began = described(account)["web"]["deployments"][0]["id"]
    again(account, environment(web(), web(serviceName="shop")))
    assert set(described(account)) >= {"shop", "web"}
    assert described(account)["web"]["deployments"][0]["id"] == began
    assert "ecs:UpdateService" not in account.calls


def test_a_service_that_is_no_longer_named_is_deleted_and_awaited(
    account: BivouacAccount,
) -> None:
    """D01, S02."""
    ready(account, environment(web(), web(serviceName="shop")))
    again(account, environment(web()))
    assert account.calls.count("ecs:DeleteService") >= 1
    assert "shop" not in ecs.list_services(account.client("ecs"), "bivouac-demo")
    assert described(account, "shop")["shop"]["status"] == "INACTIVE"


def test_a_ports_new_protocol_replaces_the_service(account: BivouacAccount) -> None:
    """T14, S02: deleted, gone, and created again under the same name."""
    ready(account, environment(full()))
    name = full()["serviceName"]
    before = described(account)[name]["createdAt"]
    again(account, environment(full(**{f"{PORT}.appProtocol": "grpc"})))
    assert described(account)[name]["createdAt"] > before
    assert "ecs:UpdateService" not in account.calls
    assert account.calls.count("ecs:DeleteService") == 2


class TestNamesThatAreStillHeld:
    """S07: "SC service is already used by ..." (recorded in 2023 and 2026) while Cloud Map still
    has the endpoint of a deleted service, which ECS removes minutes later."""

    REPLACED = environment(full(**{f"{PORT}.appProtocol": "grpc"}))

    @pytest.fixture
    def slow(self, account: BivouacAccount) -> Iterator[BivouacAccount]:
        """ECS takes four minutes, seen on AWS in August 2026."""
        ready(account, environment(full()))
        slow = replace(TEST, discovery_removal=240)
        with mock.patch.object(account.plane.ecs.scheduler, "_timings", slow):
            yield account

    def test_a_service_that_is_replaced_waits_until_its_name_is_free(
        self, slow: BivouacAccount
    ) -> None:
        began = slow.now()
        machines = again(slow, self.REPLACED)
        took = (slow.now() - began).total_seconds() - HISTORY_SECONDS
        assert 240 < took < 270
        assert machines.states.count("create_services") <= 5
        assert "servicediscovery:DeleteService" not in slow.calls
        assert described(slow)[full()["serviceName"]]["status"] == "ACTIVE"

    def test_a_service_that_takes_over_a_name_waits_until_it_is_free(
        self, slow: BivouacAccount
    ) -> None:
        again(slow, environment(full(serviceName="new")))
        assert described(slow).keys() == {"new"}

    def test_a_create_just_after_a_deletion_waits_until_the_name_is_free(
        self, slow: BivouacAccount
    ) -> None:
        name = full()["serviceName"]
        slow.client("ecs").delete_service(cluster="bivouac-demo", service=name, force=True)
        slow.pass_time(SETTLED_SECONDS)
        machines = Machines(slow)
        machines.create(environment(full()), "second")
        assert described(slow)[name]["status"] == "ACTIVE"

    def test_a_name_that_ecs_never_frees_is_reported_in_time(self, account: BivouacAccount) -> None:
        account.plane.obstacles.leave_discovery_services("*")
        ready(account, environment(full()))
        account.pass_time(HISTORY_SECONDS)
        began = account.now()
        with pytest.raises(errors.RefusedByAwsError, match="SC service is already used by"):
            Machines(account).create(self.REPLACED, "second")
        took = (account.now() - began).total_seconds()
        assert ECS_REMOVES_WITHIN_SECONDS < took < ECS_REMOVES_WITHIN_SECONDS + 60

    def test_a_name_that_ecs_never_frees_is_reported_by_the_deadline(
        self, account: BivouacAccount
    ) -> None:
        account.plane.obstacles.leave_discovery_services("*")
        ready(account, environment(full()))
        account.pass_time(HISTORY_SECONDS)
        began = account.now()
        with pytest.raises(errors.RefusedByAwsError, match="SC service is already used by"):
            Machines(account).create(self.REPLACED | {"timeouts": {"ready": "2m"}}, "second")
        assert 120 <= (account.now() - began).total_seconds() < 180

    def test_in_a_fresh_environment_a_taken_name_is_refused_at_once(
        self, account: BivouacAccount
    ) -> None:
        """None of our services can be draining there, so it waits for nothing."""
        cloud_map = account.client("servicediscovery")

        def takes_the_name(step: str) -> None:
            if step == "create_services":
                (namespace,) = cloud_map.list_namespaces()["Namespaces"]
                cloud_map.create_service(Name="web", NamespaceId=namespace["Id"])

        began = account.now()
        with pytest.raises(errors.RefusedByAwsError, match="SC service is already used by"):
            Machines(account, before_step=takes_the_name, retried=()).create(environment())
        assert (account.now() - began).total_seconds() < 60


def test_a_discovery_name_passes_to_another_service(account: BivouacAccount) -> None:
    """S02, N11: once its holder is gone."""
    ready(account, environment(full(serviceName="old")))
    machines = again(account, environment(full(serviceName="new")))
    assert machines.states.count("create_services") == 2
    assert ecs.list_services(account.client("ecs"), "bivouac-demo").count("new") == 1


def test_a_replaced_servers_clients_are_deployed_again(
    account: BivouacAccount,
) -> None:
    """P08, T14."""

    def request(protocol: str) -> dict[str, Any]:
        to = {"service": "api", "portName": "nginx"}
        server = full(**{"serviceName": "api", f"{PORT}.appProtocol": protocol})
        return environment(web(), server, connect=[{"from": "web", "to": to}])

    ready(account, request("http"))
    again(account, request("grpc"))
    services = described(account)
    assert (
        services["web"]["deployments"][0]["createdAt"]
        >= services["api"]["deployments"][0]["createdAt"]
    )


def test_a_create_completes_what_another_left_unfinished(account: BivouacAccount) -> None:
    """W17: a client token of another generation creates nothing twice."""
    account.create(environment(web()))
    machines = Machines(account)
    machines.create(environment(web(), web(serviceName="shop")), "second")
    listed = ecs.list_services(account.client("ecs"), "bivouac-demo")
    assert {name for name in listed if "proof" not in name} == {"shop", "web"}
    assert "bivouac-proof-1-1" not in listed


# --- refusals by AWS ------------------------------------------------------------------------------


def test_a_service_that_is_not_ours_is_refused_and_left(account: BivouacAccount) -> None:
    """D18, S01."""
    account.healthy(environment())
    arn = described(account)["web"]["serviceArn"]
    account.client("ecs").untag_resource(resourceArn=arn, tagKeys=["bivouac:stack"])
    convergence = account.convergence(account.planned(environment(web(desiredCount=2))))
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match="the service web exists"):
        converged(convergence)
    assert account.mutating_calls == []


def test_strangers_in_our_cluster_stay(account: BivouacAccount) -> None:
    """D18."""
    account.healthy(environment())
    account.client("ecs").create_service(
        cluster="bivouac-demo",
        serviceName="theirs",
        taskDefinition="bivouac-demo--web",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=described(account)["web"]["networkConfiguration"],
    )
    converged(account.convergence(account.planned(environment())))
    assert described(account)["theirs"]["status"] == "ACTIVE"


def test_a_cluster_that_is_not_visible_yet_is_retried(account: BivouacAccount) -> None:
    """C08."""
    account.holds(account.planned(environment()))
    convergence = account.convergence(account.planned(environment()))
    refused = _refusing(account, "ClusterNotFoundException")
    with refused, pytest.raises(errors.NotYetConsistentError, match="ClusterNotFoundException"):
        converged(convergence)
    assert names(converged(convergence)) == ["web", PROOF]


def _refusing(account: BivouacAccount, code: str, message: str = "no") -> Any:
    """CreateService answers with this error."""
    error = ClientError({"Error": {"Code": code, "Message": message}}, "CreateService")
    return mock.patch.object(account.client("ecs"), "create_service", side_effect=error)


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ("ThrottlingException", "Rate exceeded", errors.ThrottledError),
        ("ServerException", "internal", errors.UnavailableError),
        ("AccessDeniedException", "not authorized", errors.AccessDeniedError),
        ("NamespaceNotFoundException", "x", errors.NotYetConsistentError),
        (
            "InvalidParameterException",
            "Creation of service was not idempotent.",
            errors.NotYetConsistentError,
        ),
        ("InvalidParameterException", "Subnet subnet-1 not found", errors.RefusedByAwsError),
        ("UnsupportedFeatureException", "x", errors.RefusedByAwsError),
    ],
)
def test_each_refusal_of_ecs_names_the_service_and_what_it_means(
    account: BivouacAccount, code: str, message: str, error: type[Exception]
) -> None:
    """S01, S02, S03, S20, S22, C08."""
    convergence = account.convergence(account.planned(environment()))
    with _refusing(account, code, message), pytest.raises(error, match=f"service web: .*{message}"):
        converged(convergence)


class TestDraining:
    """S02. By hearsay it takes more than ten minutes behind load balancers, 30 in Express Mode."""

    @pytest.fixture
    def draining(self, account: BivouacAccount) -> Iterator[BivouacAccount]:
        """A service that does not become INACTIVE."""
        ready(account, environment())
        with mock.patch.object(account.plane.ecs.scheduler, "_inactive_when_drained"):
            account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
            account.pass_time(HISTORY_SECONDS)
            yield account

    def test_it_is_awaited_as_long_as_it_takes(self, draining: BivouacAccount) -> None:
        scheduler = draining.plane.ecs.scheduler
        old = draining.plane.ecs.clusters.active("bivouac-demo").services["web"]
        drained = type(scheduler)._inactive_when_drained
        draining.plane.clock.call_later(12 * 60, lambda: drained(scheduler, old))
        machines = Machines(draining)
        machines.create(environment(), "second")
        assert described(draining)["web"]["status"] == "ACTIVE"
        assert machines.states.count("create_services") < 10

    def test_it_is_awaited_until_the_deadline(self, draining: BivouacAccount) -> None:
        began = draining.now()
        with pytest.raises(NotReadyError, match="web: still draining"):
            Machines(draining).create(environment(timeouts={"ready": "3m"}), "second")
        assert 180 <= (draining.now() - began).total_seconds() < 210

    def test_a_draining_service_that_only_create_service_reports_is_awaited(
        self, account: BivouacAccount
    ) -> None:
        """Its text is recorded; DescribeServices may lag behind (S18)."""
        ends, client = account.now() + timedelta(seconds=30), account.client("ecs")
        create = client.create_service

        def drains(**arguments: Any) -> Any:
            if account.now() < ends and arguments["serviceName"] == "web":
                said = "Unable to Start a service that is still Draining."
                content = {"Error": {"Code": "InvalidParameterException", "Message": said}}
                raise ClientError(content, "CreateService")  # type: ignore[arg-type]
            return create(**arguments)

        with mock.patch.object(client, "create_service", drains):
            Machines(account).create(environment(web(), web(serviceName="shop")))
        assert described(account).keys() >= {"web", "shop"}


def test_a_draining_service_is_awaited(account: BivouacAccount) -> None:
    """S02: ListServices hides it, DescribeServices shows it."""
    convergence = account.convergence(account.planned(environment(web(), web(serviceName="shop"))))
    converged(convergence)
    account.pass_time(SETTLED_SECONDS)
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    answer = converged(convergence)
    assert answer["going"] == ["web"]
    assert {"serviceName": "web", "condition": "GONE"} in answer["blocked"][0]["needs"]
    account.pass_time(SETTLED_SECONDS)
    assert names(converged(convergence))[0] == "web"


def test_every_page_of_services_is_read(account: BivouacAccount) -> None:
    """D16: the last one listed is no longer named either."""
    account.healthy(environment(*(web(serviceName=f"web-{number}") for number in range(5))))
    convergence = account.convergence(account.planned(environment(web())))
    with small_pages(account):
        answer = converged(convergence)
    assert len(answer["going"]) == 5


# --- as a function --------------------------------------------------------------------------------


def test_without_a_namespace_it_only_says_how_long_to_wait(account: BivouacAccount) -> None:
    """The foundation's wait timed out: there is nothing to converge yet."""
    account.holds(account.planned(environment()))
    account.forget_calls()
    deadline = times.timestamp(account.now())
    progress = CreateProgress(patience_seconds=900).to_json()
    held = {"environment": "demo", "generation": 1, "fresh": True}
    given = {**held, "deadline": deadline}
    answer = account.invoke(
        "create_services", {**given, "taskDefinitions": {}, "progress": progress}
    )
    assert answer == {**progress, "patienceSeconds": SHORTEST_PATIENCE_SECONDS}
    assert account.changes == []


def test_a_superseded_create_creates_nothing(account: BivouacAccount) -> None:
    """W17."""
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    event = {"environment": "demo", "generation": 1, "deadline": "2100-01-01T00:00:00Z"}
    with pytest.raises(errors.SupersededError):
        account.invoke("create_services", {**event, "taskDefinitions": {}, "progress": {}})
    assert account.changes == []


def test_the_patience_ends_with_the_deadline(account: BivouacAccount) -> None:
    """W02, W07: never too short for a poll, never longer than lost events may cost."""
    now = account.now()
    assert patience_seconds(times.moment("2100-01-01T00:00:00Z"), now) == LONGEST_PATIENCE_SECONDS
    assert patience_seconds(now, now) == SHORTEST_PATIENCE_SECONDS
    assert patience_seconds(now + timedelta(seconds=99.5), now) == 100
