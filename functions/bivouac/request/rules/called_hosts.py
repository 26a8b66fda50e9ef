"""Finds variables that name a host which no service of the environment has. Pure.

Names without a dot, and names in the environment's namespace, resolve in a task only as client
aliases of Service Connect. Any other host may exist outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bivouac.environment.blueprint import Blueprint, ServiceBlueprint, aliases
from bivouac.json_types import ReadOnlyJson
from bivouac.request.messages import first, listed

_IN_URL = re.compile(
    r"[a-z][a-z0-9+.-]{1,30}://(?:[^\s/@]{0,200}@)?([A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?"
)
_WITH_PORT = re.compile(r"([A-Za-z][A-Za-z0-9._-]{0,252}):([0-9]{2,5})")
_ALONE = re.compile(r"([A-Za-z][A-Za-z0-9._-]{0,252})()")
_NAMES_A_HOST = re.compile(r"(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER)S?$", re.IGNORECASE)
_SEARCHED = 2_000
"""Characters of a value."""
_OWN = frozenset({"localhost"})


def warnings(blueprint: Blueprint) -> list[str]:
    """Each with the service and the variable, and never with its value."""
    return first(_warnings(blueprint), "variables name hosts that no service has")


def _warnings(blueprint: Blueprint) -> Iterator[str]:
    by_alias = _by_alias(blueprint)
    inside = f".{blueprint.namespace}".lower()
    for service in blueprint.services:
        for container in (service.definition or {}).get("containerDefinitions", ()):
            for variable in container.get("environment", ()):
                for host, port in _hosts(variable):
                    name = host.lower()
                    if name in _OWN or ("." in name and not name.endswith(inside)):
                        continue
                    if why := _unknown(blueprint, by_alias, name, port):
                        yield f"{service.service_name}: {variable['name']} names {why}"


def _by_alias(blueprint: Blueprint) -> dict[str, list[str]]:
    """The ports of each alias's name."""
    found: dict[str, list[str]] = {}
    for service in blueprint.services:
        for alias in (each for every in aliases(blueprint, service).values() for each in every):
            name, _, port = alias.rpartition(":")
            found.setdefault(name.lower(), []).append(port)
    return found


def _hosts(variable: ReadOnlyJson) -> Iterator[tuple[str, str]]:
    name, value = variable.get("name", ""), variable.get("value", "")[:_SEARCHED]
    if "://" in value:
        yield from _IN_URL.findall(value)
        return
    forms = [_WITH_PORT] + ([_ALONE] if _NAMES_A_HOST.search(name) else [])
    for part in value.split(","):
        found = next(filter(None, (form.fullmatch(part.strip()) for form in forms)), None)
        if found:
            yield found[1], found[2]


def _unknown(blueprint: Blueprint, by_alias: dict[str, list[str]], host: str, port: str) -> str:
    """What does not resolve, and what to write instead; empty if it does."""
    ports = by_alias.get(host)
    if ports is not None:
        if not port or port in ports:
            return ""
        return f"{host}:{port}, but that alias has the port {', '.join(ports)}"
    meant = next(_meant(blueprint.services, host), None)
    if meant is None:
        return f"the host {host}, which no client alias has (aliases: {listed(sorted(by_alias))})"
    called = [each for every in aliases(blueprint, meant).values() for each in every]
    if not called:
        return f"the host {host}, but the service {meant.service_name} has no endpoint"
    return (
        f"the host {host}, but the service {meant.service_name} is called {', '.join(called)}; "
        f'give its client alias "dnsName": "{host}"'
    )


def _meant(services: Iterable[ServiceBlueprint], host: str) -> Iterator[ServiceBlueprint]:
    """The service that has the name, or a container or a port of that name."""
    plain = host.partition(".")[0]
    for service in services:
        if service.service_name.lower() == plain:
            yield service
    for service in services:
        if any(plain in (each.port_name, each.discovery_name) for each in service.endpoints):
            yield service
