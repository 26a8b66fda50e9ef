"""The rules of Service Connect. Pure.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html
and the pages of the shapes in it. The ids name failure modes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.messages import listed, repeated
from bivouac.request.places import entries
from bivouac.request.rules.container_rules import NEEDS_ROUTER


def problems(
    configuration: ReadOnlyJson, ports: Mapping[str, ReadOnlyJson] | None, path: str
) -> Iterator[Problem]:
    """S08, S10, P10. `ports` are the named port mappings of the task definition; None if they are
    not all known."""
    services = configuration.get("services", [])
    if services and configuration.get("enabled") is False:
        yield Problem(f"{path}.enabled", 'services are listed; write true, or leave "services" out')
    for where, service in entries(configuration, "services", path):
        port_name = service.get("portName")
        if port_name is None:
            continue
        mapping = (ports or {}).get(port_name, {})
        if ports is not None and port_name not in ports:
            yield Problem(
                f"{where}.portName",
                f"no container has a port named {port_name!r} (named: {listed(sorted(ports))})",
            )
        elif mapping.get("protocol") == "udp":
            yield Problem(
                f"{where}.portName",
                f"{port_name} is a UDP port, and Service Connect has TCP only; leave the endpoint "
                "out, or the port's protocol",
            )
        aliases = service.get("clientAliases", [])
        if len(aliases) != 1:
            port = mapping.get("containerPort", 80)
            yield Problem(
                f"{where}.clientAliases",
                f'{len(aliases)} given, but ECS needs exactly one, such as [{{"port": {port}}}]',
            )
        if mapping:
            yield from _timeout_problems(
                service.get("timeout"), mapping.get("appProtocol"), f"{where}.timeout"
            )
    yield from _twice(services, ports or {}, path)


def problems_with_containers(
    configuration: ReadOnlyJson, containers: Sequence[ReadOnlyJson], path: str
) -> Iterator[Problem]:
    """What the proxy, which is one more container of the task, needs of the others.

    Sources: API_ServiceConnectService.html has ingressPortOverride as the port on which the proxy
    listens, and the containers of a task share one network interface; API_LogConfiguration.html
    and https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html."""
    taken = {
        mapping.get("containerPort"): container.get("name", "")
        for container in containers
        for mapping in container.get("portMappings", ())
        if mapping.get("protocol", "tcp") == "tcp"
    }
    names = {
        mapping.get("name"): mapping.get("containerPort")
        for container in containers
        for mapping in container.get("portMappings", ())
    }
    for where, service in entries(configuration, "services", path):
        port = service.get("ingressPortOverride")
        if port in taken and port != names.get(service.get("portName")):
            yield Problem(
                f"{where}.ingressPortOverride",
                f"the container {taken[port]} listens on port {port}, so the proxy cannot; choose "
                "a port that no container has",
            )
    driver = configuration.get("logConfiguration", {}).get("logDriver")
    if driver == "awsfirelens" and not any("firelensConfiguration" in each for each in containers):
        yield Problem(
            f"{path}.logConfiguration.logDriver",
            f'{NEEDS_ROUTER}; add one to the task, or write "awslogs"',
        )


def _twice(
    services: list[ReadOnlyJson], ports: Mapping[str, ReadOnlyJson], path: str
) -> Iterator[Problem]:
    named = [each for each in services if each.get("portName")]
    for name, count in repeated(each["portName"] for each in named).items():
        yield Problem(
            path,
            f"{count} services have the portName {name!r}; an endpoint is known by it, so each "
            "needs a named port of its own",
        )
    listening = (
        each.get("ingressPortOverride", ports.get(each["portName"], {}).get("containerPort"))
        for each in named
    )
    for port, count in repeated(listening).items():
        yield Problem(path, f"{count} services listen on port {port}")


def _timeout_problems(
    timeout: ReadOnlyJson | None, app_protocol: str | None, path: str
) -> Iterator[Problem]:
    if not timeout:
        return
    idle, request = timeout.get("idleTimeoutSeconds"), timeout.get("perRequestTimeoutSeconds")
    if request is not None and app_protocol is None:
        yield Problem(
            f"{path}.perRequestTimeoutSeconds",
            "a TCP endpoint has no requests; leave it out, or give the port an appProtocol",
        )
    elif request and idle and idle < request:
        yield Problem(
            f"{path}.idleTimeoutSeconds",
            f"{idle} closes a connection before perRequestTimeoutSeconds, {request}, is over",
        )
