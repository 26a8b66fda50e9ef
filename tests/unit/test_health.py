"""Described resources and their verdicts, beside those of the official waiters where they are
wrong."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import WaiterError
from botocore.stub import Stubber

from bivouac.diagnosis import health, service_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.health import Progress
from bivouac.environment.blueprint import Endpoint, ServiceBlueprint
from bivouac.proof.check import CheckOutcome
from bivouac.request.planning import preflight
from bivouac.services import deployments
from bivouac.services.deployments import Expected, Observed
from tests.requests import environment, web
from tests.unit.described import (
    DEPLOYMENT,
    OLD,
    OURS,
    PROXY,
    after,
    container,
    deployment,
    event,
    service,
    stopped,
    task,
    task_arn,
)
from tests.unit.planned import planned

EXPECTED = Expected("web", OURS, DEPLOYMENT)


def blueprint(**changes: Any) -> ServiceBlueprint:
    return planned(environment(web(**changes))).services[0]


def judged(
    described: dict[str, Any] | None,
    running: list[dict[str, Any]] | None = None,
    stopped: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Progress:
    seen = Observed(
        described, tuple([task()] if running is None else running), tuple(stopped or ())
    )
    return health.judge(blueprint(**changes), EXPECTED, seen)


def missing(progress: Progress) -> list[str]:
    """As a poll tells it at the deadline."""
    return [str(check) for check in progress.checks if check.is_ng]


# --- the truth table of failure-modes section 1, fact 2 ------------------------------------------


def waited(waiter: str, answer: dict[str, Any], names: list[str]) -> str:
    """The result of botocore's waiter for one answer: SUCCESS, FAILURE, or WAITS."""
    client: Any = boto3.client("ecs")
    with Stubber(client) as stubber:
        stubber.add_response("describe_services", answer)
        try:
            client.get_waiter(waiter).wait(
                cluster="demo", services=names, WaiterConfig={"Delay": 0, "MaxAttempts": 1}
            )
        except WaiterError as error:
            return "WAITS" if "Max attempts" in str(error) else "FAILURE"
    return "SUCCESS"


def truth(described: dict[str, Any] | None, running: list[dict[str, Any]]) -> str:
    progress = judged(described, running)
    return "FAILURE" if progress.failed else "SUCCESS" if progress.healthy else "WAITS"


MISSING = {"services": [], "failures": [{"arn": "x", "reason": "MISSING"}]}
ROLLED_BACK = service(deployments=[deployment(id="ecs-svc/1", taskDefinition=OLD)])
FAILED_AT_ZERO = service(
    desiredCount=0, runningCount=0, deployments=[deployment(rolloutState="FAILED")]
)
STARTING = service(runningCount=0, deployments=[deployment(rolloutState="IN_PROGRESS")])


@pytest.mark.parametrize(
    ("answer", "asked", "waiter_says", "described", "running", "true"),
    [
        ({"services": [ROLLED_BACK]}, ["web"], "SUCCESS", ROLLED_BACK, [task()], "FAILURE"),
        ({"services": [FAILED_AT_ZERO]}, ["web"], "SUCCESS", FAILED_AT_ZERO, [], "FAILURE"),
        ({"services": [service()]}, ["web", "shop"], "SUCCESS", None, [], "WAITS"),
        ({"services": []}, ["web"], "SUCCESS", None, [], "WAITS"),
        (MISSING, ["web"], "FAILURE", None, [], "WAITS"),
        ({"services": [service()]}, ["web"], "SUCCESS", service(), [task()], "SUCCESS"),
        ({"services": [STARTING]}, ["web"], "WAITS", STARTING, [], "WAITS"),
    ],
    ids=[
        "rolled back",
        "failed at desired 0",
        "partial list",
        "empty list",
        "missing just after create",
        "control: healthy",
        "control: starting",
    ],
)
def test_the_verdict_is_right_where_the_official_stable_waiter_is_wrong(
    answer: dict[str, Any],
    asked: list[str],
    waiter_says: str,
    described: dict[str, Any] | None,
    running: list[dict[str, Any]],
    true: str,
) -> None:
    """H01, H02, H03, S18: a partial or empty list says nothing about a missing service.

    test_delete_services.py judges the two traps of services_inactive."""
    assert waited("services_stable", answer, asked) == waiter_says
    assert truth(described, running) == true


# --- READY means OUR deployment, whole -----------------------------------------------------------


def named(progress: Progress) -> dict[str, CheckOutcome]:
    return {entry.name: entry.outcome for entry in progress.checks}


def test_a_healthy_service_passes_every_check() -> None:
    assert named(judged(service())) == {
        "tasks running": CheckOutcome.OK,
        "only this deployment": CheckOutcome.OK,
        "proxy attached": CheckOutcome.OK,
    }


BEFORE = service(deployments=[deployment(id="ecs-svc/1", taskDefinition=OLD)])

HEALTH_CHECK: dict[str, Any] = {
    "primaryContainer": {
        "image": "nginx",
        "containerPort": 80,
        "healthCheck": {"command": ["CMD-SHELL", "true"]},
    }
}


@pytest.mark.parametrize(
    ("described", "running", "changes", "not_ok"),
    [
        (service(), [], {}, {"tasks running", "proxy attached"}),
        (service(), [task(lastStatus="PENDING")], {}, {"tasks running"}),
        (
            service(desiredCount=2),
            [task()],
            {"desiredCount": 2},
            {"tasks running", "proxy attached"},
        ),
        (service(), [task(), task()], {}, {"tasks running", "proxy attached"}),
        (service(), [task(), task(startedBy="ecs-svc/1")], {}, {"only this deployment"}),
        (
            service(),
            [task(taskDefinitionArn=OLD)],
            {},
            {"tasks running", "only this deployment", "proxy attached"},
        ),
        (service(), [task(attachments=[])], {}, {"proxy attached"}),
        (
            service(),
            [task(attachments=[{"type": "ServiceConnect", "status": "ATTACHING"}])],
            {},
            {"proxy attached"},
        ),
        (
            service(),
            [task(containers=[{"name": PROXY, "lastStatus": "PENDING"}])],
            {},
            {"proxy attached"},
        ),
        (
            service(),
            [
                task(
                    containers=[
                        {
                            "name": PROXY,
                            "lastStatus": "RUNNING",
                            "healthStatus": "UNHEALTHY",
                        }
                    ]
                )
            ],
            {},
            {"proxy attached"},
        ),
        (service(), [task()], HEALTH_CHECK, {"tasks healthy"}),
        (service(), [task(healthStatus="UNHEALTHY")], HEALTH_CHECK, {"tasks healthy"}),
        (service(deployments=[]), [], {}, {"deployment visible"}),
        (BEFORE, [task(startedBy="ecs-svc/1")], {}, {"deployment visible"}),
        (service(status="INACTIVE", deployments=[]), [], {}, {"deployment visible"}),
    ],
    ids=[
        "no task",
        "pending",
        "too few",
        "too many",
        "another deployment's task",
        "another definition's task",
        "no proxy",
        "proxy attaching",
        "proxy's container pending",
        "proxy unhealthy",
        "health not known yet",
        "unhealthy",
        "deployments not visible",
        "the deployment before still shows",
        "the service before still shows",
    ],
)
def test_a_service_is_not_healthy_while_something_is_missing(
    described: dict[str, Any],
    running: list[dict[str, Any]],
    changes: dict[str, Any],
    not_ok: set[str],
) -> None:
    """H01, H20, H21: each of them is necessary."""
    progress = judged(described, running, **changes)
    assert progress.failed is None
    assert not progress.healthy
    assert {
        name for name, outcome in named(progress).items() if outcome is CheckOutcome.NG
    } == not_ok
    assert len(missing(progress)) == len(not_ok)


def test_a_declared_health_check_must_say_healthy() -> None:
    """H20."""
    assert judged(service(), [task(healthStatus="HEALTHY")], **HEALTH_CHECK).healthy


def test_a_service_can_be_ready_before_completed() -> None:
    """H01: COMPLETED matters only for a redeploy; tasks and proof decide READY."""
    assert judged(service(deployments=[deployment(rolloutState="IN_PROGRESS")])).healthy


def test_desired_zero_is_healthy_without_tasks() -> None:
    assert judged(service(desiredCount=0, runningCount=0), [], desiredCount=0).healthy


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_the_requests_desired_count_is_what_counts(asked: int) -> None:
    """Somebody scaled the service: by ECS's own number everything is well."""
    running = [task(taskArn=task_arn(number)) for number in range(asked)]
    progress = judged(service(desiredCount=asked, runningCount=asked), running, desiredCount=2)
    assert not progress.healthy
    assert progress.failed is None
    assert f"web: desired tasks: {asked} in the service, 2 in the request" in missing(progress)


class TestRebalanced:
    """ECS runs one more task for a while when it rebalances over Availability Zones (ECS guide,
    "Track Amazon ECS Availability Zone rebalancing")."""

    REBALANCED = service(availabilityZoneRebalancing="ENABLED")

    @pytest.mark.parametrize("status", ["PROVISIONING", "PENDING", "RUNNING"])
    def test_one_extra_task_is_no_fault(self, status: str) -> None:
        more = task(taskArn=task_arn(2), lastStatus=status)
        assert judged(self.REBALANCED, [task(), more]).healthy
        assert not judged(service(availabilityZoneRebalancing="DISABLED"), [task(), more]).healthy

    def test_a_missing_task_is_a_fault(self) -> None:
        two = {**self.REBALANCED, "desiredCount": 2}
        assert not judged(two, [task()], desiredCount=2).healthy

    def test_an_extra_task_by_scaling_is_a_fault(self) -> None:
        two = {**self.REBALANCED, "desiredCount": 2}
        assert not judged(two, [task(), task(taskArn=task_arn(2))]).healthy

    def test_another_deployments_task_is_a_fault(self) -> None:
        assert not judged(self.REBALANCED, [task(), task(startedBy="ecs-svc/1")]).healthy

    def test_the_starting_extra_task_need_not_be_registered(self) -> None:
        coming = task(taskArn=task_arn(2), lastStatus="PENDING")
        coming["attachments"] = _at("172.31.0.5", "PRECREATED")
        there = instance("172.31.0.4")
        for listed in ([there], [there, instance("172.31.0.5")]):
            found = health.registered("web", ENDPOINT, [task(), coming], listed, rebalanced=True)
            assert found.outcome is CheckOutcome.OK
        for listed in ([], [there, instance("172.31.0.6")]):
            found = health.registered("web", ENDPOINT, [task(), coming], listed, rebalanced=True)
            assert found.outcome is CheckOutcome.NG


def _at(address: str, proxy: str) -> list[dict[str, Any]]:
    details = [{"name": "privateIPv4Address", "value": address}]
    interface = {"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": details}
    return [{"type": "ServiceConnect", "status": proxy}, interface]


@pytest.mark.parametrize("status", ["DRAINING", "INACTIVE"])
def test_a_service_that_somebody_deleted_fails_at_once(status: str) -> None:
    """C06, S17."""
    failed = judged(service(status=status)).failed
    assert failed is not None
    assert status in failed.evidence[0]


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"taskDefinition": OLD}, OLD),
        ({"id": "ecs-svc/3"}, "ecs-svc/3"),
        ({"rolloutState": "FAILED", "rolloutStateReason": "circuit breaker"}, "circuit breaker"),
    ],
)
def test_another_primary_deployment_or_a_failed_one_is_a_rollback(
    changes: dict[str, Any], evidence: str
) -> None:
    """H02, H03."""
    failed = judged(service(deployments=[deployment(**changes)])).failed
    assert failed is not None
    assert failed.category is Category.ROLLBACK
    assert evidence in failed.evidence[0]


def test_only_our_own_deployments_stopped_tasks_count() -> None:
    """H06, C15: what an earlier deployment did is not our evidence."""
    pull = "CannotPullContainerError: manifest unknown"
    assert judged(service(), [], [stopped(pull)]).failed is not None
    assert judged(service(), [], [stopped(pull, startedBy="ecs-svc/1")]).failed is None


def test_only_events_since_our_deployment_began_count() -> None:
    """H15, H25."""
    text = "(service web) was unable to place a task. Reason: Internal error."
    assert judged(service(events=[event(text, -60)]), []).failed is None
    assert judged(service(events=[event(text, 60)]), []).failed is not None


def test_a_failing_health_check_is_reported_with_its_command() -> None:
    """H20, H24."""
    reason = "Task failed container health checks"
    sick = {"name": "web", "lastStatus": "RUNNING", "healthStatus": "UNHEALTHY"}
    running = [task(healthStatus="UNHEALTHY", containers=[sick])]
    waiting = judged(service(), running, **HEALTH_CHECK)
    assert waiting.failed is None
    assert missing(waiting)[0] == "web: tasks healthy: 0 of 1, web is UNHEALTHY"
    failed = judged(service(), running, [stopped(reason, 1)], **HEALTH_CHECK).failed
    assert failed is not None
    assert failed.category is Category.HEALTH_CHECK
    assert any("health check CMD-SHELL true" in entry for entry in failed.evidence)


def test_the_plan_says_which_containers_may_end() -> None:
    """H11."""
    definition = {
        "family": "web",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {"name": "migrate", "image": "migrate", "essential": False},
            {"name": "web", "image": "nginx", "portMappings": [{"containerPort": 80}]},
        ],
    }
    ended = [container("migrate", exitCode=1), container(exitCode=2), container(PROXY, exitCode=0)]
    stops = [
        stopped("Essential container in task exited", number, containers=ended) for number in (1, 2)
    ]
    request = {"serviceName": "web", "taskDefinition": definition}
    plan = planned(environment(request)).services[0]
    failed = health.judge(plan, EXPECTED, Observed(service(), (), tuple(stops))).failed
    assert failed is not None
    assert failed.container == "web"


def test_a_temporary_failure_waits_for_the_deadline() -> None:
    """H07, H14."""
    slow = "CannotPullContainerError: i/o timeout"
    progress = judged(service(), [], [stopped(slow, 1), stopped(slow, 2)])
    assert progress.failed is None
    assert progress.hindered is not None
    assert progress.hindered.category is Category.IMAGE_PULL
    assert judged(service(), [task(taskArn=task_arn(3))], [stopped(slow, 1)]).hindered is None


@pytest.mark.parametrize("kind", ["ServiceConnect", "Service Connect"])
def test_a_proxys_attachment_is_recognised_in_both_forms(kind: str) -> None:
    """AWS returns the first (recorded in July 2024, github.com/apptality/
    aws-ecs-cloudmap-prometheus-sd, EcsDiscovery.cs), the API's documentation has the second."""
    attached = task(attachments=[{"type": kind, "status": "ATTACHED"}])
    assert judged(service(), [attached]).healthy


def test_without_service_connect_no_proxy_is_looked_for() -> None:
    off: Any = {"serviceConnectConfiguration": {"enabled": False, "services": []}}
    assert judged(service(), [task(attachments=[])], **off).healthy


# --- registered ----------------------------------------------------------------------------------

ENDPOINT = Endpoint("web", "web", 80, "http", "/", 200, 399)


def instance(address: str, port: str = "80") -> dict[str, Any]:
    return {"Attributes": {"AWS_INSTANCE_IPV4": address, "AWS_INSTANCE_PORT": port}}


@pytest.mark.parametrize(
    ("instances", "outcome", "observed"),
    [
        ([instance("172.31.0.4")], CheckOutcome.OK, "172.31.0.4:80"),
        ([], CheckOutcome.NG, "172.31.0.4:80 is missing"),
        ([instance("172.31.0.4", "81")], CheckOutcome.NG, "172.31.0.4:81 runs no task"),
        (
            [instance("172.31.0.4"), instance("172.31.9.9")],
            CheckOutcome.NG,
            "172.31.9.9:80 runs no task",
        ),
        ([{"Attributes": {}}], CheckOutcome.NG, "is missing"),
    ],
)
def test_running_tasks_and_registered_instances_must_be_the_same(
    instances: list[dict[str, Any]], outcome: CheckOutcome, observed: str
) -> None:
    """P03."""
    found = health.registered("web", ENDPOINT, [task()], instances)
    assert found.outcome is outcome
    assert observed in found.observed


def test_addresses_may_be_missing_for_a_while() -> None:
    """P04."""
    assert deployments.private_address(task()) == "172.31.0.4"
    assert deployments.interface_id(task()) == "eni-1"
    assert deployments.private_address(task(attachments=[])) is None
    bare = [{"type": "ElasticNetworkInterface", "status": "PRECREATED"}]
    assert deployments.interface_id(task(attachments=bare)) is None


# --- who is admitted -----------------------------------------------------------------------------


def permission(sources: Any, protocol: str = "tcp", low: int = 80, high: int = 80) -> Any:
    return {"IpProtocol": protocol, "FromPort": low, "ToPort": high, **sources}


WORLD = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
OFFICE = {"IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
PROBE = {"UserIdGroupPairs": [{"GroupId": "sg-probe"}]}
OTHER = {"UserIdGroupPairs": [{"GroupId": "sg-other"}]}
PREFIXES = {"PrefixListIds": [{"PrefixListId": "pl-1"}]}
IPV6 = {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
AS_ANSWERED: dict[str, Any] = {
    "IpRanges": [],
    "Ipv6Ranges": [],
    "PrefixListIds": [],
    "UserIdGroupPairs": [],
}
"""The members that every recorded permission has (cloud-custodian, 132 answers)."""


@pytest.mark.parametrize(
    ("rule", "world", "probe"),
    [
        (permission(WORLD), True, True),
        (permission(WORLD, low=0, high=65535), True, True),
        (permission(WORLD, low=81, high=90), False, False),
        (permission(WORLD, "udp"), False, False),
        ({"IpProtocol": "-1", **WORLD}, True, True),
        (permission(OFFICE), False, True),
        (permission(PROBE), False, True),
        ({"IpProtocol": "-1", **PROBE}, False, True),
        (permission(OTHER), False, False),
        (permission(PREFIXES), False, True),
        (permission(PREFIXES, low=81, high=90), False, False),
        (permission(IPV6), False, False),
        (permission(AS_ANSWERED), False, False),
        (permission(AS_ANSWERED | PREFIXES), False, True),
        (permission(AS_ANSWERED | WORLD), True, True),
        (WORLD, False, False),
    ],
)
def test_a_security_group_admits_by_its_rules(rule: Any, world: bool, probe: bool) -> None:
    """P09: otherwise a probe times out although everything is COMPLETED."""
    groups = [{"GroupId": "sg-tasks", "IpPermissions": [rule]}]
    assert preflight.admits_the_world(groups, 80) is world
    assert preflight.admits_group(groups, "sg-probe", 80) is probe


def test_no_group_admits_nobody() -> None:
    assert not preflight.admits_the_world([], 80)
    assert not preflight.admits_group([{"GroupId": "sg-tasks"}], "sg-probe", 80)


# --- what is reported while it waits -------------------------------------------------------------


def test_a_task_that_stays_pending_is_reported() -> None:
    """K10: "0 of 1" alone does not say whether ECS even began."""
    progress = judged(
        service(runningCount=0, deployments=[deployment(rolloutState="IN_PROGRESS")]),
        [task(lastStatus="PENDING", containers=[], attachments=[])],
    )
    assert "web: tasks running: 0 of 1, 1 PENDING" in missing(progress)
    late = service_verdicts.out_of_time("web", missing(progress), [])
    assert "stays PENDING" in late.next_step


def test_a_crashed_sidecar_is_reported_and_not_awaited() -> None:
    sidecar = {"name": "sidecar", "essential": False, "image": "x"}
    definition = {
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"name": "web", "image": "nginx"}, sidecar],
    }
    crashed = {"name": "sidecar", "lastStatus": "STOPPED", "exitCode": 2}
    running = task()
    running["containers"].append(crashed)
    progress = judged(
        service(),
        [running],
        primaryContainer=None,
        taskDefinition=definition,
        serviceConnectConfiguration={"enabled": True},
    )
    assert progress.healthy
    skipped = [entry for entry in progress.checks if entry.name == "containers"]
    assert [entry.outcome for entry in skipped] == [CheckOutcome.SKIP]
    assert skipped[0].observed.startswith("container sidecar, which is not essential, exited with")


@pytest.mark.parametrize("health", ["UNKNOWN", "UNHEALTHY"])
def test_a_proxy_that_reports_health_must_be_healthy(health: str) -> None:
    proxy = {"name": PROXY, "lastStatus": "RUNNING", "healthStatus": health}
    running = task(containers=[proxy, {"name": "web", "lastStatus": "RUNNING"}])
    progress = judged(service(), [running])
    assert not progress.healthy
    assert progress.hindered is not None
    assert progress.hindered.category is Category.PROXY


# --- what nothing can ask ------------------------------------------------------------------------


def steady_in(seconds: float, *failed: dict[str, Any], **changes: Any) -> float:
    """Seconds that are left once the task has run this long; `failed` are its predecessors."""
    worker = {"primaryContainer": {"image": "acme/worker"}, **changes}
    seen = Observed(service(), (task(startedAt=after(0)),), failed)
    return health.steady_in(blueprint(**worker), EXPECTED, seen, after(seconds))


CRASHED = stopped("Essential container in task exited", stopCode="EssentialContainerExited")


def test_a_service_that_nothing_can_ask_must_run_for_a_while() -> None:
    """A worker that crashes a second after its start runs for that second."""
    assert [steady_in(seconds) for seconds in (0, 1, 10, 11)] == [10, 9, 0, 0]
    assert steady_in(1, CRASHED) == 9


def test_the_replacement_of_a_failed_task_must_outlive_it() -> None:
    """H05."""
    longer = {**CRASHED, "startedAt": after(30), "stoppingAt": after(55)}
    for_minutes = {**CRASHED, "startedAt": after(30), "stoppingAt": after(500)}
    assert [steady_in(seconds, longer) for seconds in (10, 24, 25)] == [15, 1, 0]
    assert steady_in(60, for_minutes) == 0
    assert steady_in(10, {**longer, "startedBy": "ecs-svc/1"}) == 0, "of another deployment"
    scaled = "Scaling activity initiated by (deployment ecs-svc/2)"
    ordered = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": scaled}
    assert steady_in(10, {**longer, **ordered}) == 0
    assert steady_in(10, stopped("CannotPullContainerError", startedAt=None)) == 0, "never ran"


def test_a_health_check_or_an_answer_is_better_evidence() -> None:
    checked = {"image": "acme/worker", "healthCheck": {"command": ["CMD-SHELL", "true"]}}
    assert steady_in(1, CRASHED, primaryContainer=checked) == 0
    assert steady_in(1, CRASHED, primaryContainer={"image": "nginx", "containerPort": 80}) == 0
