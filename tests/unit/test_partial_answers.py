"""Any member that AWS may leave out may be missing, and unknown ones may be present.

In the API's model no member of a task or a service is required. The code relies only on those
without which an answer is about nothing: every recorded answer has them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from bivouac.aws import cloudmap_answers, ec2_answers, ecs_answers
from bivouac.diagnosis import edge_verdicts, health, service_verdicts
from bivouac.environment.blueprint import Endpoint
from bivouac.proof import mesh
from bivouac.request.planning import preflight
from bivouac.services import deployments
from bivouac.services.deployments import Expected, Observed
from bivouac.waiting.conditions import edges, outstanding
from bivouac.waiting.wait import Stage, TaskEvent
from tests.requests import connection, environment, web
from tests.unit.described import (
    DEPLOYMENT,
    OURS,
    PROXY,
    container,
    deployment,
    event,
    service,
    stopped,
    task,
)
from tests.unit.planned import planned

Json = dict[str, Any]
Path = tuple[str | int, ...]

RELIED_ON = {
    "service": {"serviceName", "status", "desiredCount"},
    "deployment": {"id", "status", "taskDefinition", "createdAt"},
    "event": {"message", "createdAt"},
    "task": {"taskArn", "taskDefinitionArn"},
    "container": {"name"},
}
ENDPOINT = Endpoint("web", "web", 80, "http", "/", 200, 399)
SHOP = planned(environment(web(), web(serviceName="api"), connect=[connection("web", "api")]))
CHECKED = planned(
    environment(
        web(
            primaryContainer={
                "image": "nginx",
                "containerPort": 80,
                "healthCheck": {"command": ["CMD-SHELL", "true"]},
            }
        )
    )
)
EXPECTED = Expected("web", OURS, DEPLOYMENT)

RUNNING = task(
    group="service:web",
    version=5,
    desiredStatus="RUNNING",
    createdAt=event("x")["createdAt"],
    startedAt=event("x")["createdAt"],
)
STOPPED = stopped(
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found",
    group="service:web",
    version=7,
    desiredStatus="STOPPED",
    containers=[
        container(exitCode=1, reason="CannotPullContainerError: x", healthStatus="UNHEALTHY"),
        container(PROXY, exitCode=0, healthStatus="HEALTHY"),
    ],
)
SERVICE = service(
    serviceArn="arn:aws:ecs:ap-northeast-1:123456789012:service/bivouac-demo/web",
    pendingCount=0,
    availabilityZoneRebalancing="DISABLED",
    deployments=[
        deployment(rolloutStateReason="ECS deployment ecs-svc/2 completed."),
        deployment(id="ecs-svc/1", status="ACTIVE", rolloutState="FAILED"),
    ],
    events=[event("(service web) was unable to place a task. Reason: Internal error.")],
)


def without_each(
    content: Any, relied_on: dict[str, set[str]], kind: str
) -> Iterator[tuple[str, Any]]:
    """The same, each time without one member, and with an unknown one added."""
    for path in _paths(content):
        if path[-1] in relied_on.get(_kind(path, kind), ()):
            continue
        changed = copy.deepcopy(content)
        parent = changed
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        parent["unheardOf"] = {"of": ["anybody"]}
        yield "/".join(map(str, path)), changed


def _paths(content: Any, before: Path = ()) -> Iterator[Path]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield (*before, name)
            yield from _paths(value, (*before, name))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _paths(value, (*before, number))


def _kind(path: Path, top: str) -> str:
    """The shape of which the last name is a member."""
    lists = [step for step in path[:-1] if isinstance(step, str)]
    return lists[-1].removesuffix("s") if lists else top


def looked_at(seen: Json, running: list[Json], ended: list[Json]) -> None:
    """Reads everything that polls and verdicts read of a service and its tasks. Raises nothing."""
    for blueprint in (SHOP, CHECKED):
        planned_service = blueprint.service("web")
        progress = health.judge(
            planned_service, EXPECTED, Observed(seen, tuple(running), tuple(ended))
        )
        assert progress.failed is None or progress.failed.next_step
        assert all(map(str, progress.checks))
    facts = service_verdicts.ServiceFacts(
        "web", DEPLOYMENT, OURS, True, (), seen, tuple(running), tuple(ended)
    )
    for verdict in (service_verdicts.verdict(facts), service_verdicts.hindrance(facts)):
        assert verdict is None or verdict.evidence
    (client,) = mesh.proof_clients(SHOP, 1)
    proof = client.service.service_name
    services, tasks = {"web": seen, "api": seen, proof: seen}, {"web": running, proof: running}
    found = edges.read([client], [], services, tasks)
    assert len(found.asked) == len(SHOP.edges) or not ecs_answers.is_active(seen)
    for reading in mesh.read_edges(client, (running or ended)[0] if running or ended else None):
        assert edge_verdicts.edges_not_proven([reading], 1.0).next_step
    edges.stale_clients(SHOP, [client], services, tasks, {})
    task_events = {"1": TaskEvent("web", Stage.RUNNING, 1)}
    awaited = outstanding.awaited([EXPECTED], [], [client], services, tasks, task_events)
    assert awaited.has_come in (True, False)
    outstanding.went_wrong([EXPECTED], services)
    outstanding.counts_lag_behind(task_events, [EXPECTED], services)
    outstanding.lags_behind(task_events, tasks)
    for each in (*running, *ended):
        assert isinstance(ecs_answers.service_of(each), str)
        for address in (deployments.private_address(each), deployments.interface_id(each)):
            assert address is None or address
    health.registered("web", ENDPOINT, running, [{"Id": "1"}, {"Id": "2", "Attributes": {}}])


@pytest.mark.parametrize(
    ("path", "seen"),
    [pytest.param(p, s, id=p) for p, s in without_each(SERVICE, RELIED_ON, "service")],
)
def test_a_services_optional_members_may_be_missing(path: str, seen: Json) -> None:
    looked_at(seen, [RUNNING], [STOPPED])
    looked_at(seen, [], [])


@pytest.mark.parametrize(
    ("path", "seen"),
    [pytest.param(p, s, id=p) for p, s in without_each(RUNNING, RELIED_ON, "task")],
)
def test_a_running_tasks_optional_members_may_be_missing(path: str, seen: Json) -> None:
    looked_at(SERVICE, [seen], [])
    looked_at(SERVICE, [RUNNING, {**seen, "taskArn": "arn:aws:ecs:x:1:task/bivouac-demo/2"}], [])


@pytest.mark.parametrize(
    ("path", "seen"),
    [pytest.param(p, s, id=p) for p, s in without_each(STOPPED, RELIED_ON, "task")],
)
def test_a_stopped_tasks_optional_members_may_be_missing(path: str, seen: Json) -> None:
    looked_at(SERVICE, [], [seen])
    twice = [seen, {**seen, "taskArn": "arn:aws:ecs:x:1:task/bivouac-demo/2"}]
    looked_at(SERVICE, [], twice)


PERMISSION: Json = {
    "IpProtocol": "tcp",
    "FromPort": 80,
    "ToPort": 80,
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    "Ipv6Ranges": [],
    "PrefixListIds": [{"PrefixListId": "pl-1"}],
    "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "123456789012"}],
}


@pytest.mark.parametrize("seen", [s for _, s in without_each(PERMISSION, {}, "permission")])
def test_a_permissions_optional_members_may_be_missing(seen: Json) -> None:
    assert isinstance(preflight.admits_the_world([{"IpPermissions": [seen]}], 80), bool)
    assert isinstance(preflight.admits_group([{"IpPermissions": [seen]}], "sg-1", 80), bool)


def test_an_interfaces_and_an_instances_optional_members_may_be_missing() -> None:
    assert ec2_answers.public_address({}) is None
    assert ec2_answers.public_address({"Association": {"IpOwnerId": "amazon"}}) is None
    assert cloudmap_answers.address_of({"Id": "1"}) == "None:None"
