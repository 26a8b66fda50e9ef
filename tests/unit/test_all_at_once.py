"""No mistake hides another, at any level: any two of these are reported together."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from tests.requests import connection, environment
from tests.unit.planned import full, problems

Change = Callable[[dict[str, Any]], None]
ADMIN = "arn:aws:iam::123456789012:role/admin"


def given(path: str, value: Any) -> Change:
    """Sets the value at a dotted path of the request."""

    def change(request: dict[str, Any]) -> None:
        target: Any = request
        *steps, last = path.split(".")
        for step in steps:
            target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
        target[int(last) if last.isdigit() else last] = value

    return change


def without(path: str) -> Change:
    def change(request: dict[str, Any]) -> None:
        target: Any = request
        *steps, last = path.split(".")
        for step in steps:
            target = target[int(step)] if step.isdigit() else target[step]
        del target[last]

    return change


WEB = "services.0"
CONTAINER = f"{WEB}.taskDefinition.containerDefinitions.0"
CONNECT = f"{WEB}.serviceConnectConfiguration"

MISTAKES: dict[str, tuple[Change, str]] = {
    # The request's own fields
    "name": (given("name", "a--b"), "name: "),
    "lease": (given("lease", {"ttl": "forever"}), "lease.ttl: "),
    "lease beyond the stack's": (given("lease", {"maxTtl": "400d"}), "lease.maxTtl: "),
    "unknown field of the request": (given("color", "blue"), "color: "),
    "tags": (given("tags", {"team": "a<b"}), "tags"),
    "timeouts": (given("timeouts", {"ready": "9h"}), "timeouts.ready: "),
    "office hours": (given("schedule", {"up": "daily", "down": "never"}), "schedule"),
    "connection without an end": (given("connect", [{"from": "api"}]), "connect[0].to: "),
    "connection to nobody": (given("connect", [connection("api", "nobody")]), "connect[0].to.ser"),
    "cluster": (given("cluster", {"size": 3}), "cluster.size: "),
    "cluster's provider": (given("cluster", {"capacityProviders": ["mine"]}), "cluster.capacity"),
    # Our own fields of a service
    "dependsOn": (given(f"{WEB}.dependsOn", [{"condition": "START"}]), "dependsOn[0].serviceName"),
    "dependsOn nobody": (given("services.1.dependsOn", [{"serviceName": "no"}]), "services[1]"),
    "probe": (given(f"{WEB}.probe", {"portName": "nginx", "path": "no"}), "probe.path: "),
    # CreateService
    "wrong type": (given(f"{WEB}.desiredCount", "two"), "desiredCount: "),
    "unknown field": (given(f"{WEB}.desired", 2), "desired: unknown"),
    "refused field": (given(f"{WEB}.role", "mine"), "role: refused"),
    "value": (given(f"{WEB}.platformVersion", "1.3.0"), "platformVersion: "),
    "strategy": (
        given(f"{WEB}.capacityProviderStrategy", [{"capacityProvider": "FARGATE"}]),
        "no capacity provider has a weight",
    ),
    "port name": (given(f"{CONNECT}.services.0.portName", "https"), "services[0].portName: "),
    "alias": (given(f"{CONNECT}.services.0.clientAliases.0.dnsName", "Web"), "dnsName: "),
    "ingress port": (given(f"{CONNECT}.services.0.ingressPortOverride", 443), "PortOverride: "),
    "proxy's logs": (
        given(f"{CONNECT}.logConfiguration", {"logDriver": "awsfirelens"}),
        "logConfiguration.logDriver: ",
    ),
    # RegisterTaskDefinition
    "definition's type": (given(f"{WEB}.taskDefinition.cpu", 256), "taskDefinition.cpu: "),
    "definition's unknown field": (given(f"{WEB}.taskDefinition.cpus", "1"), "cpus: unknown"),
    "no memory": (without(f"{WEB}.taskDefinition.memory"), "taskDefinition.memory: "),
    "role": (given(f"{WEB}.taskDefinition.taskRoleArn", ADMIN), "taskRoleArn: "),
    "container's type": (given(f"{CONTAINER}.essential", "yes"), "essential: "),
    "container's limit": (given(f"{CONTAINER}.stopTimeout", 121), "stopTimeout: "),
    "container's refused field": (given(f"{CONTAINER}.links", ["db"]), "links: refused"),
    "dependency": (
        given(f"{CONTAINER}.dependsOn", [{"containerName": "db", "condition": "START"}]),
        "dependsOn[0].containerName: ",
    ),
    "volume": (
        given(f"{CONTAINER}.mountPoints", [{"sourceVolume": "v", "containerPath": "/v"}]),
        "sourceVolume: ",
    ),
    "secret": (
        given(f"{CONTAINER}.secrets", [{"name": "A", "valueFrom": "arn:aws:sqs:x"}]),
        "valueFrom: ",
    ),
    # Another service
    "another service's name": (given("services.1.serviceName", "a/b"), "services[1].serviceName"),
    "another service's image": (
        without("services.1.primaryContainer.image"),
        "services[1]",
    ),
    "a service that is none": (given("services.2", "web"), "services[2]: "),
}


def request() -> dict[str, Any]:
    api = {"serviceName": "api", "primaryContainer": {"image": "api", "containerPort": 80}}
    worker = {"serviceName": "worker", "primaryContainer": {"image": "w", "containerPort": 81}}
    return environment(full(), api, worker)


def same_place(one: str, other: str) -> bool:
    """One of two mistakes at the same place replaces the other."""
    pairs = (
        {"lease", "lease beyond the stack's"},
        {"connection without an end", "connection to nobody"},
        {"cluster", "cluster's provider"},
    )
    return {one, other} in pairs


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_alone_is_reported(name: str) -> None:
    change, message = MISTAKES[name]
    content = request()
    change(content)
    found = problems(content)
    assert any(message in problem for problem in found), found


def test_any_two_mistakes_are_reported_together() -> None:
    hidden = []
    for one, other in combinations(MISTAKES, 2):
        if same_place(one, other):
            continue
        content = request()
        for name in (one, other):
            MISTAKES[name][0](content)
        found = "\n".join(problems(content))
        hidden += [
            f"{name} beside {({one, other} - {name}).pop()}"
            for name in (one, other)
            if MISTAKES[name][1] not in found
        ]
    assert not hidden


def test_all_mistakes_are_reported_together() -> None:
    content = request()
    kept = {name for name in MISTAKES if name not in {"lease", "connection to nobody", "cluster"}}
    for name in kept:
        MISTAKES[name][0](content)
    found = "\n".join(problems(content))
    assert not {name for name in kept if MISTAKES[name][1] not in found}


def test_wrong_entries_of_a_long_list_hide_no_other() -> None:
    """Whatever the number of digits in their places."""
    right = [connection("web", "api") for _ in range(9)]
    found = problems(environment(connect=[*right, "api", "api", connection("web", "nobody")]))
    assert {"connect[9]", "connect[10]"} <= {each.partition(":")[0] for each in found}
    assert any("'nobody'" in each for each in found), found


NOBODY = {"serviceName": "nobody", "condition": "START"}
WEB_TO_NOBODY = connection("service-connect-nginx-service", "nobody")


@pytest.mark.parametrize("wrong", ["web", 3, {"from": "web"}, {"to": {"service": "web"}}])
def test_a_wrong_connection_does_not_move_the_next_one(wrong: Any) -> None:
    request = environment(full()) | {"connect": [wrong, WEB_TO_NOBODY, wrong, WEB_TO_NOBODY]}
    of_others = [each for each in problems(request) if "is named 'nobody'" in each]
    assert [each.partition(".")[0] for each in of_others] == ["connect[1]", "connect[3]"]


@pytest.mark.parametrize("wrong", ["web", 3, {"condition": "START"}, {"serviceName": 3}])
def test_a_wrong_dependency_does_not_move_the_next_one(wrong: Any) -> None:
    """Nor is it told as a service that nobody has named."""
    request = environment(full(dependsOn=[wrong, NOBODY]))
    told = problems(request)
    assert len(told) == 2
    assert told[0].startswith("services[0].dependsOn[0]")
    assert ".dependsOn[1].serviceName: no service is named 'nobody'" in told[1]
