"""What an update cannot change, so that the service is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.environment.blueprint import service_specification
from bivouac.services.replacement import must_replace
from tests.requests import environment, web
from tests.unit.planned import full, planned

PORT = "taskDefinition.containerDefinitions.0.portMappings.0"
STRATEGY = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]


def specified(service: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """CreateService and RegisterTaskDefinition arguments of a request's service."""
    blueprint = planned(environment(service))
    (only,) = blueprint.services
    assert only.definition is not None
    return service_specification(blueprint, only, "arn:namespace", "family:1"), only.definition


def reason(before: dict[str, Any], after: dict[str, Any], **described: Any) -> str | None:
    old, old_definition = specified(before)
    new, new_definition = specified(after)
    deployment = {
        "status": "PRIMARY",
        "serviceConnectConfiguration": old["serviceConnectConfiguration"],
    }
    kept = {"launchType", "capacityProviderStrategy"} & old.keys()
    service = {key: old[key] for key in kept}
    service |= {"schedulingStrategy": "REPLICA", "deployments": [deployment], **described}
    return must_replace(service, old_definition, new, new_definition)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("http", "http2", "from http over tcp to http2 over tcp"),
        ("http", ..., "from http over tcp to tcp"),
        (..., "grpc", "from tcp to grpc over tcp"),
    ],
)
def test_a_port_with_another_protocol_needs_a_new_service(
    before: Any, after: Any, message: str
) -> None:
    """T14."""
    found = reason(full(**{f"{PORT}.appProtocol": before}), full(**{f"{PORT}.appProtocol": after}))
    assert found is not None
    assert f"its port nginx changes {message}" in found


def test_the_default_protocol_is_tcp() -> None:
    """As DescribeTaskDefinition returns it."""
    assert reason(full(**{f"{PORT}.protocol": ...}), full(**{f"{PORT}.protocol": "tcp"})) is None


def test_a_port_outside_the_mesh_may_change_its_protocol() -> None:
    """T14 is about ports of a Service Connect service."""

    def admin(protocol: str) -> dict[str, Any]:
        ports = [
            {"name": "nginx", "containerPort": 80, "appProtocol": "http"},
            {"name": "admin", "containerPort": 81, "appProtocol": protocol},
        ]
        return full(**{"taskDefinition.containerDefinitions.0.portMappings": ports})

    assert reason(admin("http"), admin("http2")) is None


def test_a_port_that_leaves_the_mesh_at_the_same_time_counts() -> None:
    """T14: immutable as long as the service lives."""
    outside = {"enabled": False}
    found = reason(
        full(),
        full(**{"serviceConnectConfiguration": outside, f"{PORT}.appProtocol": "http2"}),
    )
    assert found is not None


def test_a_service_outside_the_mesh_can_join_it() -> None:
    """The port was no endpoint before."""
    outside = full(
        **{"serviceConnectConfiguration": {"enabled": False}, f"{PORT}.appProtocol": ...}
    )
    assert reason(outside, full()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"desiredCount": 2},
        {"taskDefinition.cpu": "512", "taskDefinition.memory": "1024"},
        {f"{PORT}.containerPort": 8080},
        {"serviceConnectConfiguration.services.0.clientAliases": [{"port": 8080}]},
        {"serviceConnectConfiguration.services.0.discoveryName": "other"},
        {"serviceConnectConfiguration": {"enabled": False}},
        {"networkConfiguration.awsvpcConfiguration.assignPublicIp": "DISABLED"},
        {"launchType": ..., "capacityProviderStrategy": STRATEGY},
    ],
)
def test_any_other_change_is_an_update(changes: dict[str, Any]) -> None:
    """Nobody loses an endpoint for a change that ECS can roll out."""
    assert reason(full(), full(**changes)) is None


def test_replacing_a_strategy_by_a_launch_type_needs_a_new_service() -> None:
    """UpdateService takes no launchType."""
    spot = full(**{"launchType": ..., "capacityProviderStrategy": STRATEGY})
    found = reason(spot, full())
    assert found == "its capacity provider strategy changes to a launch type"


def test_another_scheduling_strategy_needs_a_new_service() -> None:
    found = reason(web(), web(), schedulingStrategy="DAEMON")
    assert found == "its scheduling strategy changes to REPLICA"


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "CANARY", "LINEAR"])
def test_a_service_whose_deployments_have_hooks_is_replaced(strategy: str) -> None:
    """ECS does not make it ROLLING again while it has hooks (aws/containers-roadmap#2664)."""
    found = reason(web(), web(), deploymentConfiguration={"strategy": strategy})
    assert found == f"its deployment strategy changes from {strategy} to ROLLING"


@pytest.mark.parametrize("configuration", [None, {}, {"strategy": "ROLLING"}])
def test_a_service_with_rolling_deployments_is_updated(configuration: Any) -> None:
    assert reason(web(), web(), deploymentConfiguration=configuration) is None


def test_ports_are_not_compared_with_an_unknown_definition() -> None:
    specification, definition = specified(web())
    described = {"deployments": [], "schedulingStrategy": "REPLICA"}
    assert must_replace(described, None, specification, definition) is None
    assert must_replace(described, definition, specification, None) is None
