"""Turns the load balancers of pasted services into endpoints of Service Connect. Pure.

An environment has no load balancer. What a target group reaches is worth proving all the same, and
other services may call it: the container's port gets a name and a client alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bivouac.json_types import Json, ReadOnlyJson
from bivouac.request.findings import Findings
from bivouac.request.messages import listed, none_named, wrong_kind
from bivouac.request.reading.merging import inner, merged, objects

_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]|^-")
_LONGEST_NAME = 64
_GRACE = "healthCheckGracePeriodSeconds"
_CONNECT = "serviceConnectConfiguration"


def replace(found: Findings, defaults: Json, parts: Iterable[tuple[Json, str]]) -> None:
    """In every service. `parts`: the services, and their paths."""
    parts = list(parts)
    taken = set(_discovery_names(part for part, _ in parts))
    for service, path in parts:
        given = service.get("loadBalancers")
        if _GRACE in service and (given or service[_GRACE] == 0):
            del service[_GRACE]
            found.note("dropped", f"{path}.{_GRACE}", "it belongs to the load balancer")
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            continue
        del service["loadBalancers"]
        for index, each in enumerate(given):
            where = f"{path}.loadBalancers[{index}]"
            port = _port(found, merged(defaults, service), each, where)
            if port is not None:
                _declare(found, defaults, service, port, where, taken)


def _port(found: Findings, service: ReadOnlyJson, balancer: ReadOnlyJson, path: str) -> Json | None:
    """The port mapping that a load balancer leads to, where it can become an endpoint."""
    name, port = balancer.get("containerName"), balancer.get("containerPort")
    if why := _no_endpoint(service, name, port):
        found.note("dropped", path, why)
        return None
    if not isinstance(port, int):
        number = int(port) if isinstance(port, str) and port[:6].isdecimal() else None
        wrong = wrong_kind(port, "a number", "containerPort", number)
        found.problem(f"{path}.containerPort", wrong)
        return None
    containers = list(objects(service["taskDefinition"].get("containerDefinitions")))
    container = next((each for each in containers if each.get("name") == name), None)
    if container is None:
        names = (each.get("name") for each in containers)
        found.problem(f"{path}.containerName", none_named("container", name, names))
        return None
    mappings = list(objects(container.get("portMappings")))
    mapping = next((each for each in mappings if each.get("containerPort") == port), None)
    if mapping is None:
        ports = listed(each.get("containerPort") for each in mappings)
        found.problem(
            f"{path}.containerPort",
            f"the container {name} has no port {port} (ports: {ports}); add "
            f'{{"containerPort": {port}}} to its portMappings',
        )
        return None
    if mapping.get("protocol") == "udp":
        found.note("dropped", path, "Service Connect has no UDP")
        return None
    mapping.setdefault("name", _plain(f"{name}-{port}"))
    return mapping


def _no_endpoint(service: ReadOnlyJson, container: Any, port: Any) -> str:
    """Why what a load balancer leads to is not declared as an endpoint; empty if it can be."""
    if inner(service, _CONNECT).get("enabled") is False:
        return "without Service Connect it is no endpoint either"
    if "primaryContainer" in service:
        return "primaryContainer declares its endpoints itself"
    if not isinstance(service.get("taskDefinition"), dict):
        return "the existing task definition stays as it is"
    return "it names no container and port" if container is None or port is None else ""


def _declare(
    found: Findings, defaults: Json, service: Json, mapping: Json, path: str, taken: set[str]
) -> None:
    """As a Service Connect service, unless the service has it."""
    whole = merged(defaults, service).get(_CONNECT, {})
    declared = whole.get("services", []) if isinstance(whole, Mapping) else None
    if not isinstance(declared, list):
        return
    port_name, port = mapping["name"], mapping["containerPort"]
    if any(each.get("portName") == port_name for each in objects(declared)):
        found.note("takenOver", path, f"the endpoint {port_name} is declared already")
        return
    called = _plain(str(service.get("serviceName", port_name)))
    discovery = called if called not in taken else _plain(f"{called}-{port}")
    taken.add(discovery)
    entry = {
        "portName": port_name,
        "discoveryName": discovery,
        "clientAliases": [{"port": port, "dnsName": called}],
    }
    own = service.setdefault(_CONNECT, {})
    if "enabled" not in whole:
        own["enabled"] = True
    own["services"] = [*declared, entry]
    protocol = mapping.get("appProtocol", "TCP")
    found.note(
        "takenOver", path, f"as the endpoint {port_name} ({protocol}), called {called}:{port}"
    )


def _discovery_names(services: Iterable[Json]) -> Iterator[str]:
    for service in services:
        for each in objects(inner(service, _CONNECT).get("services")):
            if isinstance(name := each.get("discoveryName", each.get("portName")), str):
                yield name


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name.lower())[:_LONGEST_NAME]
