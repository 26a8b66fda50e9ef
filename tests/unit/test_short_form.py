"""`primaryContainer`: what it becomes in ECS's arguments."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.environment.blueprint import ServiceBlueprint, aliases
from tests.requests import environment, web
from tests.unit.planned import planned, problems


def made(**primary: Any) -> ServiceBlueprint:
    (service,) = planned(environment(web(primaryContainer={"image": "x", **primary}))).services
    return service


def container(service: ServiceBlueprint) -> dict[str, Any]:
    assert service.definition is not None
    (only,) = service.definition["containerDefinitions"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("size", [{"cpu": "512", "memory": "2048"}, {"cpu": 512, "memory": 2048}])
def test_its_sizes_are_the_tasks(size: dict[str, Any]) -> None:
    definition = made(containerPort=80, **size).definition
    assert definition is not None
    assert (definition["cpu"], definition["memory"]) == ("512", "2048")


@pytest.mark.parametrize(
    ("protocol", "app_protocol"),
    [({}, "http"), ({"protocol": "grpc"}, "grpc"), ({"protocol": "tcp"}, None)],
)
def test_its_port_speaks_the_given_protocol(
    protocol: dict[str, str], app_protocol: str | None
) -> None:
    (endpoint,) = made(containerPort=6379, **protocol).endpoints
    assert (endpoint.port, endpoint.app_protocol) == (6379, app_protocol)


def test_several_ports_are_several_endpoints_of_one_name() -> None:
    ports = [
        {"containerPort": 80, "appProtocol": "http"},
        {"containerPort": 9090, "appProtocol": "grpc"},
        {"name": "raw", "containerPort": 7000},
    ]
    blueprint = planned(environment(web(primaryContainer={"image": "x", "portMappings": ports})))
    (service,) = blueprint.services
    assert aliases(blueprint, service) == {
        "web": ["web:80"],
        "web-9090": ["web:9090"],
        "raw": ["web:7000"],
    }
    assert [each.app_protocol for each in service.endpoints] == ["http", "grpc", None]
    assert len({each.discovery_name for each in service.endpoints}) == 3


def test_without_a_port_it_is_a_worker_without_an_endpoint() -> None:
    service = made()
    assert not service.endpoints
    assert "portMappings" not in container(service)
    assert service.arguments["serviceConnectConfiguration"]["enabled"] is True


def test_one_port_is_given_in_one_way() -> None:
    both = {"image": "x", "containerPort": 80, "portMappings": [{"containerPort": 81}]}
    (problem,) = problems(environment(web(primaryContainer=both)))
    assert "give either containerPort, or portMappings" in problem
    loose = {"image": "x", "protocol": "grpc"}
    (problem,) = problems(environment(web(primaryContainer=loose)))
    assert "protocol is that of containerPort" in problem


def test_a_plain_value_may_be_said_to_be_no_secret() -> None:
    variables = [{"name": "SESSION_TOKEN", "value": "public-by-design-0123456789"}]
    service = web(primaryContainer={"image": "x", "containerPort": 80, "environment": variables})
    (problem,) = problems(environment(service))
    assert 'write "plainValues": ["SESSION_TOKEN"] beside services' in problem
    assert planned(environment(service, plainValues=["SESSION_TOKEN"])).services
