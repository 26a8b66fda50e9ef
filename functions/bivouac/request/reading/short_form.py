"""`primaryContainer` in ECS's arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bivouac.json_types import Json
from bivouac.request.models import PrimaryContainer, Service

_DEFAULT_CPU, _DEFAULT_MEMORY = "256", "512"
_TCP = "tcp"
_SAME = {"command", "environment", "secrets", "health_check"}
"""Fields that mean the same in a container definition."""


def definition(service: Service, primary: PrimaryContainer) -> Json:
    """RegisterTaskDefinition's arguments: one container with a name for each port."""
    name = service.service_name.lower()
    extras = primary.model_dump(include=_SAME, exclude_none=True, by_alias=True)
    mappings = _mappings(name, primary)
    ports = {"portMappings": mappings} if mappings else {}
    return {
        "cpu": primary.cpu or _DEFAULT_CPU,
        "memory": primary.memory or _DEFAULT_MEMORY,
        "containerDefinitions": [
            {
                "name": name,
                "image": primary.image,
                "essential": True,
                **ports,
                **extras,
            }
        ],
    }


def connect_services(service: Service, primary: PrimaryContainer) -> list[Json]:
    """serviceConnectConfiguration.services: each port has a client alias with the service's
    name."""
    name = service.service_name.lower()
    services = []
    for index, mapping in enumerate(_mappings(name, primary)):
        port = mapping.get("containerPort")
        discovery = name if index == 0 else f"{name}-{port}"
        own = {} if discovery == mapping["name"] else {"discoveryName": discovery}
        alias = {"port": port, "dnsName": name}
        services.append({"portName": mapping["name"], **own, "clientAliases": [alias]})
    return services


def _mappings(name: str, primary: PrimaryContainer) -> list[Json]:
    if primary.container_port is not None:
        protocol = {} if primary.protocol == _TCP else {"appProtocol": primary.protocol}
        return [{"name": name, "containerPort": primary.container_port, **protocol}]
    return [
        {"name": name if index == 0 else f"{name}-{mapping.get('containerPort')}", **mapping}
        for index, mapping in enumerate(primary.port_mappings or ())
    ]


def places(service: Service, primary: PrimaryContainer, path: str) -> Iterator[tuple[str, str]]:
    """From the paths of what this module writes to those of what the user wrote."""
    short = f"{path}.primaryContainer"
    container = f"{short}.containerDefinitions[0]"
    name = f"{path}.serviceName"
    yield f"{short}.containerDefinitions", short
    yield container, short
    yield f"{container}.name", name
    for index in range(len(_mappings(service.service_name.lower(), primary))):
        mapping = f"{container}.portMappings[{index}]"
        entry = f"{path}.serviceConnectConfiguration.services[{index}]"
        if primary.container_port is not None:
            here, port = short, f"{short}.containerPort"
            yield f"{mapping}.appProtocol", f"{short}.protocol"
        else:
            here = f"{short}.portMappings[{index}]"
            port = f"{here}.containerPort"
        yield mapping, here
        yield f"{mapping}.containerPort", port
        if primary.port_mappings is None or "name" not in primary.port_mappings[index]:
            yield f"{mapping}.name", name
        yield entry, here
        yield f"{entry}.portName", name
        yield f"{entry}.discoveryName", name
        yield f"{entry}.clientAliases[0]", here
        yield f"{entry}.clientAliases[0].dnsName", name
        yield f"{entry}.clientAliases[0].port", port
