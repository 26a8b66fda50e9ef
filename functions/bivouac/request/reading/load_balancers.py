"""Turns the load balancers of pasted services into endpoints of Service Connect. Pure.

An environment has no load balancer. What a target group reaches is worth proving all the same, and
other services may call it: the container's port gets a name and a client alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from bivouac.json_types import Json, ReadOnlyJson
from bivouac.request.findings import Findings
from bivouac.request.messages import listed, none_named, wrong_kind
from bivouac.request.reading.merging import merged, objects

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
    connect = service.get(_CONNECT)
    if isinstance(connect, dict) and connect.get("enabled") is False:
        found.note("dropped", path, "without Service Connect it is no endpoint either")
        return None
    if "primaryContainer" in service:
        found.note("dropped", path, "primaryContainer declares its endpoints itself")
        return None
    definition = service.get("taskDefinition")
    if not isinstance(definition, dict):
        found.note("dropped", path, "the existing task definition stays as it is")
        return None
    name, port = balancer.get("containerName"), balancer.get("containerPort")
    if name is None or port is None:
        found.note("dropped", path, "it names no container and port")
        return None
    if not isinstance(port, int):
        number = int(port) if isinstance(port, str) and port[:6].isdecimal() else None
        wrong = wrong_kind(port, "a number", "containerPort", number)
        found.problem(f"{path}.containerPort", wrong)
        return None
    containers = {
        each.get("name"): each for each in objects(definition.get("containerDefinitions"))
    }
    if name not in containers:
        found.problem(f"{path}.containerName", none_named("container", name, containers))
        return None
    mappings = list(objects(containers[name].get("portMappings")))
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
        connect = service.get(_CONNECT)
        declared = connect.get("services") if isinstance(connect, dict) else None
        for each in objects(declared):
            if isinstance(name := each.get("discoveryName", each.get("portName")), str):
                yield name


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name.lower())[:_LONGEST_NAME]
