"""The rules across the fields of a task's containers. Pure.

The arguments are of the right types, but what was wrong has been left out, so any field may be
missing. Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
and the pages of the shapes in it; what RegisterTaskDefinition answers is recorded in
https://github.com/badmintoncryer/cdk-preflight (rules/ecs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.graph import cycles
from bivouac.request.messages import circular, fragment, none_named, repeated
from bivouac.request.places import entries
from bivouac.request.rules.plain_values import secret_problem

Placed = tuple[str, ReadOnlyJson]
"""A container with its path."""
NEEDS_ROUTER = (
    'awsfirelens needs a container with a firelensConfiguration, such as {"type": "fluentbit"}'
)
_LIMITED = frozenset({"ulimits", "systemControls", "restartPolicy"})


def problems(definition: ReadOnlyJson, plain_values: Set[str], path: str) -> Iterator[Problem]:
    """`plain_values`: the names of variables that are no secrets, whatever they look like."""
    placed = list(entries(definition, "containerDefinitions", path))
    containers = [container for _, container in placed]
    path = f"{path}.containerDefinitions"
    if not containers:
        yield Problem(path, "at least one container is needed")
    elif not any(container.get("essential", True) for container in containers):
        yield Problem(path, "at least one container must be essential")
    for name in repeated(container.get("name") for container in containers):
        yield Problem(path, f"two containers are named {name!r}")
    yield from _port_problems(placed, path)
    yield from _dependency_problems(placed, path)
    yield from _router_problems(placed, path)
    for where, container in placed:
        for needed in ("name", "image"):
            if not container.get(needed):
                yield Problem(f"{where}.{needed}", "a container needs one")
        if "environment" in container or "secrets" in container:
            yield from _environment_problems(container, plain_values, where)
        yield from _memory_problems(container, where)
        if not _LIMITED.isdisjoint(container):
            yield from _limit_problems(container, where)
        if (check := container.get("healthCheck")) is not None:
            yield from _health_check_problems(check, f"{where}.healthCheck")


def _port_problems(containers: Sequence[Placed], path: str) -> Iterator[Problem]:
    """Source: API_PortMapping.html. The containers of a task share one network interface."""
    names: list[str] = []
    ports: list[tuple[int, str]] = []
    for where, container in containers:
        protocols: dict[int, str] = {}
        for here, mapping in entries(container, "portMappings", where):
            if name := mapping.get("name"):
                names.append(name)
            elif mapping.get("appProtocol"):
                yield Problem(f"{here}.name", "needed, because the port has an appProtocol")
            protocol = mapping.get("protocol", "tcp")
            if protocol == "udp" and mapping.get("appProtocol"):
                yield Problem(
                    f"{here}.appProtocol", f"{mapping['appProtocol']} runs over tcp, not udp"
                )
            port = mapping.get("containerPort")
            if port is None:
                yield Problem(f"{here}.containerPort", "Fargate requires it")
                continue
            if mapping.get("hostPort", port) != port:
                yield Problem(
                    f"{here}.hostPort",
                    f"with awsvpc it is the container port, {port}; leave it out",
                )
            if protocols.setdefault(port, protocol) != protocol:
                yield Problem(
                    f"{here}.protocol", f"ECS does not expose port {port} for tcp and udp at once"
                )
            ports.append((port, protocol))
    for name in repeated(names):
        yield Problem(path, f"two ports are named {name!r}")
    for port, protocol in repeated(ports):
        yield Problem(path, f"port {port}/{protocol} is mapped twice in one task")


def _dependency_problems(containers: Sequence[Placed], path: str) -> Iterator[Problem]:
    """Source: API_ContainerDependency.html."""
    by_name = {each["name"]: each for _, each in containers if each.get("name")}
    graph: dict[str, list[str]] = {name: [] for name in by_name}
    for where, container in containers:
        for here, entry in entries(container, "dependsOn", where):
            name, condition = entry.get("containerName"), entry.get("condition")
            if name is None:
                continue
            other = by_name.get(name)
            if other is None:
                yield Problem(f"{here}.containerName", none_named("container", name, by_name))
                continue
            if other is container:
                yield Problem(f"{here}.containerName", "a container cannot wait for itself")
                continue
            if container.get("name"):
                graph[container["name"]].append(name)
            if condition in ("COMPLETE", "SUCCESS") and other.get("essential", True):
                yield Problem(
                    f"{here}.condition",
                    f"{name} is essential, so the task ends when it does; give {name} "
                    '"essential": false, or wait for START or HEALTHY',
                )
            if condition == "HEALTHY" and not checks_health(other):
                yield Problem(
                    f"{here}.condition",
                    f"{name} has no health check, so it never is HEALTHY; give it a healthCheck, "
                    "or wait for START",
                )
    for cycle in cycles(graph):
        yield Problem(path, circular(cycle, "no container"))


def checks_health(container: ReadOnlyJson) -> bool:
    """NONE switches off the check of the image."""
    command = container.get("healthCheck", {}).get("command", [])
    return bool(command) and command[0] != "NONE"


def _health_check_problems(check: ReadOnlyJson, path: str) -> Iterator[Problem]:
    """Source: API_HealthCheck.html."""
    command = check.get("command")
    if command is None:
        return
    example = 'such as ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]'
    if not command or command[0] not in ("CMD", "CMD-SHELL", "NONE"):
        write = f"write {fragment(['CMD', *command])}" if command else example
        yield Problem(f"{path}.command", f"must begin with CMD or CMD-SHELL; {write}")
    elif command[0] != "NONE" and not any(command[1:]):
        yield Problem(f"{path}.command", f"has no command after {command[0]}; write one, {example}")


def _router_problems(containers: Sequence[Placed], path: str) -> Iterator[Problem]:
    """Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html and
    API_FirelensConfiguration.html."""
    routers = {
        where: container["firelensConfiguration"]
        for where, container in containers
        if container.get("firelensConfiguration") is not None
    }
    if len(routers) > 1:
        yield Problem(
            path, f"{len(routers)} containers have a firelensConfiguration; one routes all logs"
        )
    for where, router in routers.items():
        kind = router.get("options", {}).get("config-file-type")
        if kind not in (None, "file"):
            yield Problem(
                f"{where}.firelensConfiguration.options.config-file-type",
                f'Fargate reads no {kind!r}; put the file into the image, and write "file"',
            )
    for where, container in containers:
        if container.get("logConfiguration", {}).get("logDriver") != "awsfirelens":
            continue
        here = f"{where}.logConfiguration.logDriver"
        if not routers:
            yield Problem(here, NEEDS_ROUTER)
        elif where in routers:
            yield Problem(
                here, 'the log router cannot send its own logs to itself; write "awslogs"'
            )


def _environment_problems(
    container: ReadOnlyJson, plain_values: Set[str], path: str
) -> Iterator[Problem]:
    """A name is a secret's or a plain value's: ClientException, "The secret name must be unique and
    not shared with any new or existing environment variables", is seen in many reports."""
    plain = {entry.get("name") for entry in container.get("environment", ())}
    for here, entry in entries(container, "environment", path):
        if not entry.get("name"):
            yield Problem(f"{here}.name", "a variable needs a name")
        elif entry["name"] not in plain_values and (
            why := secret_problem(entry["name"], entry.get("value", ""))
        ):
            yield Problem(here, why)
    secrets = set()
    for here, entry in entries(container, "secrets", path):
        name = entry.get("name")
        if name in plain:
            yield Problem(f"{here}.name", f"environment has {name}, too; keep one of them")
        elif name in secrets:
            yield Problem(f"{here}.name", f"{name} is given twice; once is enough")
        secrets.add(name)


def _memory_problems(container: ReadOnlyJson, path: str) -> Iterator[Problem]:
    limit, reserved = container.get("memory"), container.get("memoryReservation")
    if limit and reserved and reserved > limit:
        yield Problem(
            f"{path}.memoryReservation",
            f"{reserved} MiB is more than memory, {limit} MiB, at which the container is killed",
        )


def _limit_problems(container: ReadOnlyJson, path: str) -> Iterator[Problem]:
    """Sources: API_Ulimit.html, API_SystemControl.html, API_LinuxParameters.html."""
    for here, entry in entries(container, "ulimits", path):
        soft, hard = entry.get("softLimit", 0), entry.get("hardLimit", -1)
        if hard != -1 and (soft == -1 or soft > hard):
            yield Problem(f"{here}.softLimit", f"{soft} is more than hardLimit, {hard}")
    for field, key in (("ulimits", "name"), ("systemControls", "namespace")):
        for name in repeated(entry.get(key) for entry in container.get(field, ())):
            yield Problem(f"{path}.{field}", f"{name} is given twice")
    for here, entry in entries(container, "systemControls", path):
        for needed in sorted({"namespace", "value"} - entry.keys()):
            yield Problem(f"{here}.{needed}", "needed")
    policy = container.get("restartPolicy", {})
    for here, code in entries(policy, "ignoredExitCodes", f"{path}.restartPolicy"):
        if not 0 <= code <= 255:
            yield Problem(here, f"{code} is no exit code; those are 0 to 255")
