"""A service's tasks across Availability Zones: where the next one goes, which one goes first. Pure.

"Service scheduler concepts" and "Balancing an Amazon ECS service across Availability Zones" in the
developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar


class Located(Protocol):
    """What zone decisions need to know of a task."""

    @property
    def subnet_id(self) -> str: ...


SomeTask = TypeVar("SomeTask", bound=Located)

Zones = Mapping[str, str]
"""Availability Zones by subnet."""


def counts(zones: Zones, tasks: Sequence[Located]) -> dict[str, int]:
    """Tasks by zone, including zones without any; the fullest first."""
    found = dict.fromkeys(zones.values(), 0)
    for task in tasks:
        if task.subnet_id in zones:
            found[zones[task.subnet_id]] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def balanced(found: Mapping[str, int]) -> bool:
    return max(found.values()) - min(found.values()) <= 1


def emptiest_subnet(zones: Zones, tasks: Sequence[Located], turn: int) -> str:
    """In the zone with the fewest of these tasks; ties take turns."""
    found = counts(zones, tasks)
    subnets = list(zones)
    start = turn % len(subnets)
    return min([*subnets[start:], *subnets[:start]], key=lambda subnet: found[zones[subnet]])


def fullest_first(zones: Zones, tasks: Sequence[SomeTask]) -> list[SomeTask]:
    """The order of stopping that keeps the zones as even as possible."""
    seen: dict[str, int] = {}
    ranks = []
    for task in tasks:
        zone = zones.get(task.subnet_id, "")
        ranks.append(seen.get(zone, 0))
        seen[zone] = seen.get(zone, 0) + 1
    ranked = sorted(zip(ranks, tasks, strict=True), key=lambda item: -item[0])
    return [task for _, task in ranked]
