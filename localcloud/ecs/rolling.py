"""A rolling deployment's decision: how many tasks to start now, and which ones to stop. Pure.

"Deploy Amazon ECS services by replacing tasks": the maximum percent bounds the tasks that live at a
time (rounded down), the minimum healthy percent those that serve (rounded up).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Replaceable(Protocol):
    """What a deployment needs to know of a live task."""

    @property
    def serving(self) -> bool: ...


SomeTask = TypeVar("SomeTask", bound=Replaceable)


@dataclass(frozen=True)
class Bounds:
    """Most tasks that may live, fewest that must serve."""

    most: int
    least: int


@dataclass(frozen=True)
class Plan(Generic[SomeTask]):
    start: int
    stop: tuple[SomeTask, ...]
    blocked: bool
    """Nothing can be started or stopped, and there is nothing to wait for (H19)."""


def bounds(desired: int, configuration: Mapping[str, Any]) -> Bounds:
    return Bounds(
        most=math.floor(desired * configuration["maximumPercent"] / 100),
        least=math.ceil(desired * configuration["minimumHealthyPercent"] / 100),
    )


def plan(
    desired: int,
    limits: Bounds,
    new: Sequence[SomeTask],
    old: Sequence[SomeTask],
    *,
    launching: bool = True,
) -> Plan[SomeTask]:
    """Decides about the live tasks of the primary deployment and of earlier ones.

    `launching`: false if the primary deployment has failed and starts no more tasks, so that
    nothing makes room for them (H02).
    """
    surplus = _idle_first(new)[: max(0, len(new) - desired)]
    missing = max(0, desired - len(new)) if launching else 0
    room = max(0, limits.most - len(new) - len(old))
    start = min(missing, room)
    leaving = _leaving(desired, limits, new, old, make_room=missing if room == 0 else 0)
    waiting = any(not task.serving for task in new)
    return Plan(
        start=start,
        stop=(*surplus, *leaving),
        blocked=bool(missing and old and not start and not leaving and not waiting),
    )


def _leaving(
    desired: int,
    limits: Bounds,
    new: Sequence[SomeTask],
    old: Sequence[SomeTask],
    *,
    make_room: int,
) -> list[SomeTask]:
    """Old tasks go when new ones have replaced them, or when the first new one needs room."""
    taken_over = sum(task.serving for task in new)
    unneeded = max(0, len(old) - max(0, desired - taken_over))
    wanted = max(unneeded, min(make_room, len(old)))
    serving = taken_over + sum(task.serving for task in old)
    may_stop = max(0, serving - limits.least)
    leaving: list[SomeTask] = []
    for task in _idle_first(old)[:wanted]:
        if task.serving:
            if may_stop == 0:
                break
            may_stop -= 1
        leaving.append(task)
    return leaving


def _idle_first(tasks: Sequence[SomeTask]) -> list[SomeTask]:
    return sorted(tasks, key=lambda task: task.serving)
