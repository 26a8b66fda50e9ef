"""Fargate's task sizes and roles. Pure.

Each rule yields its problems, with their paths. The ids name failure modes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bivouac.json_types import Json, ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.messages import listed

PROXY_MEMORY_MIB = 64
"""Recommended by AWS for the Service Connect proxy, which shares the task's limits (T15)."""

_GIB = 1024
_MEMORY_OF_CPU: dict[int, list[int]] = {
    256: [512, 1024, 2048],
    512: [gib * _GIB for gib in range(1, 5)],
    1024: [gib * _GIB for gib in range(2, 9)],
    2048: [gib * _GIB for gib in range(4, 17)],
    4096: [gib * _GIB for gib in range(8, 31)],
    8192: [gib * _GIB for gib in range(16, 61, 4)],
    16384: [gib * _GIB for gib in range(32, 121, 8)],
    32768: [gib * _GIB for gib in (60, 120, 244)],
}
"""CPU units to MiB: the task sizes of the ECS developer guide (T04),
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html."""


def _number(text: str, unit: str) -> int | None:
    """CPU units of "256" or ".25 vCPU", MiB of "512" or "0.5 GB"; None if it is neither."""
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text)
    match = re.fullmatch(rf"([0-9]{{0,3}}\.?[0-9]{{1,6}})\s*{unit}", text, re.IGNORECASE)
    return round(float(match[1]) * 1024) if match else None


def task_size_problems(definition: ReadOnlyJson, connected: bool, path: str) -> Iterator[Problem]:
    """T04, T05, T15: task-level CPU and memory in a size of Fargate's, with room for the containers
    and, in a task that is `connected`, for the proxy."""
    for key, example in (("cpu", "256"), ("memory", "512")):
        if not definition.get(key):
            yield Problem(f"{path}.{key}", f'Fargate requires it for the task, such as "{example}"')
    given_cpu, given_memory = definition.get("cpu") or "", definition.get("memory") or ""
    cpu, memory = _number(given_cpu, "vCPU"), _number(given_memory, "GB")
    if cpu not in _MEMORY_OF_CPU:
        if given_cpu:
            offered = _offered(_MEMORY_OF_CPU, given_cpu, "vCPU")
            yield Problem(f"{path}.cpu", f"Fargate has no {given_cpu!r}; it offers {offered}")
    elif memory not in _MEMORY_OF_CPU[cpu] and given_memory:
        offered = _offered(_MEMORY_OF_CPU[cpu], given_memory, "GB", " MiB")
        yield Problem(
            f"{path}.memory",
            f"Fargate has no {given_memory!r} with cpu {given_cpu}; it offers {offered}",
        )
    containers = definition.get("containerDefinitions", ())
    if cpu in _MEMORY_OF_CPU:
        reserved_cpu = sum(container.get("cpu", 0) for container in containers)
        if reserved_cpu > cpu:
            yield Problem(
                f"{path}.containerDefinitions", f"they reserve {reserved_cpu} of {cpu} CPU units"
            )
    if memory:
        yield from _memory_problems(containers, memory, connected, f"{path}.containerDefinitions")


def _offered(sizes: Collection[int], given: str, unit: str, counted_in: str = "") -> str:
    """The sizes; and which to write, if a number is one of vCPUs or GB, as other tools count."""
    meant = _number(f"{given}{unit}", unit)
    hint = f'; write "{meant}" for {given} {unit}' if meant in sizes else ""
    return f"{', '.join(map(str, sizes))}{counted_in}{hint}"


def _memory_problems(
    containers: Sequence[ReadOnlyJson], memory: int, connected: bool, path: str
) -> Iterator[Problem]:
    for index, container in enumerate(containers):
        if container.get("memory", 0) > memory:
            yield Problem(
                f"{path}[{index}].memory", f"{container['memory']} MiB of the task's {memory}"
            )
    reserved = sum(
        container.get("memoryReservation") or container.get("memory") or 0
        for container in containers
    )
    proxy = PROXY_MEMORY_MIB if connected else 0
    if reserved + proxy > memory:
        room = f"; leave {proxy} MiB to the Service Connect proxy" if proxy else ""
        yield Problem(path, f"they reserve {reserved} of the task's {memory} MiB{room}")


def is_whole_task(container: ReadOnlyJson, definition: ReadOnlyJson) -> bool:
    """Whether a container's memory is that of its task; neither need be of the right type."""
    limit, task = container.get("memory"), definition.get("memory")
    return isinstance(limit, int) and isinstance(task, str) and limit == _number(task, "GB")


def task_of(containers: list[Any]) -> Json:
    """A definition of containers alone, whatever else they may hold, of the smallest size with room
    for them and the proxy."""

    def given(name: str) -> list[int]:
        values = (each.get(name) if isinstance(each, dict) else None for each in containers)
        return [value if isinstance(value, int) else 0 for value in values]

    limits = given("memory")
    reserved = (soft or hard for soft, hard in zip(given("memoryReservation"), limits, strict=True))
    needed = max(PROXY_MEMORY_MIB + sum(reserved), *limits, 0)
    cpu = sum(given("cpu"))
    fitting = (
        {"cpu": str(units), "memory": str(memory)}
        for units, sizes in _MEMORY_OF_CPU.items()
        for memory in sizes
        if cpu <= units and needed <= memory
    )
    return {**next(fitting, {}), "containerDefinitions": containers}


def role_problems(
    definition: ReadOnlyJson,
    task_roles: tuple[str, ...],
    execution_roles: tuple[str, ...],
    path: str,
) -> Iterator[Problem]:
    """Choosing a role grants its rights, so the stack's parameters list the allowed roles."""
    allowed = {"taskRoleArn": task_roles, "executionRoleArn": execution_roles}
    for field, arns in allowed.items():
        if (arn := definition.get(field)) and arn not in arns:
            yield Problem(
                f"{path}.{field}", f"{arn} is not in the stack's allow-list ({listed(arns)})"
            )
    needs_execution = any(
        container.get("secrets")
        or container.get("repositoryCredentials")
        or container.get("environmentFiles")
        for container in definition.get("containerDefinitions", ())
    )
    if needs_execution and not definition.get("executionRoleArn"):
        yield Problem(f"{path}.executionRoleArn", "needed, because a container has secrets")
