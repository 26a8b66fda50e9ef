"""Waiting for what happens. Pure.

A waiting execution is resumed by what a look at AWS shows, never by an event alone: events come
twice, out of order, or not at all (W01, W02). An event only says whether it is worth looking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from bivouac import times
from bivouac.aws import ecs_answers
from bivouac.json_types import Described

POLL_SECONDS = 2.0
"""Between two looks at what ECS emits no event for: container health, attachments, Cloud Map,
DRAINING to INACTIVE."""

LATER_SECONDS = 5.0
"""Before a look that is in no hurry: what it would find is most likely told by an event."""

STALE_SECONDS = 0.3
"""Before reads that lag behind an event are made again."""

EDGE_CONTAINER_PREFIX = "edge-"


class Purpose(StrEnum):
    """What an execution waits for."""

    SERVICES = "services"
    """Every service healthy and every edge proven, or something to do, or a failure."""
    SERVICES_GONE = "services gone"
    TASKS_GONE = "tasks gone"
    EVERYTHING_GONE = "everything gone"
    ASLEEP = "asleep"
    """No task of the services is left, and they are."""


class Stage(StrEnum):
    """How far a task has come, as far as somebody waits for it."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


_COUNTS: Mapping[Purpose, frozenset[Stage]] = {
    Purpose.SERVICES: frozenset({Stage.RUNNING}),
    Purpose.SERVICES_GONE: frozenset(),
    Purpose.TASKS_GONE: frozenset({Stage.STOPPED}),
    Purpose.EVERYTHING_GONE: frozenset(),
    Purpose.ASLEEP: frozenset({Stage.STOPPED}),
}
"""The stages that bring a purpose nearer."""


@dataclass(frozen=True)
class TaskEvent:
    """The newest that events said of one task."""

    service: str
    stage: Stage | None
    """None: nothing that anybody waits for."""
    version: int

    def to_json(self) -> dict[str, Any]:
        return {"service": self.service, "stage": self.stage, "version": self.version}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        stage = content["stage"]
        return cls(content["service"], Stage(stage) if stage else None, int(content["version"]))


TaskEvents = Mapping[str, TaskEvent]
"""By task id."""


@dataclass(frozen=True)
class Awaited:
    """What events must still tell before another look can bring an answer."""

    tasks: Mapping[str, int] = field(default_factory=dict)
    """By service: how many more of its tasks must come so far. A service that is absent: none."""
    condition_sets: tuple[frozenset[str], ...] = ()
    """Services of which all must come so far; each goal is worth a look of its own."""
    known: frozenset[str] = frozenset()
    """Tasks whose events came before the look, which has counted them itself (`counted`)."""
    patient_condition_sets: tuple[frozenset[str], ...] = ()
    """Goals that are worth a look only a while later, if nothing else calls for one before."""

    def to_json(self) -> dict[str, Any]:
        return {
            "tasks": dict(self.tasks),
            "goals": sorted(sorted(condition_set) for condition_set in self.condition_sets),
            "patientGoals": sorted(
                sorted(condition_set) for condition_set in self.patient_condition_sets
            ),
            "known": sorted(self.known),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(
            content["tasks"],
            tuple(frozenset(condition_set) for condition_set in content["goals"]),
            frozenset(content["known"]),
            tuple(frozenset(condition_set) for condition_set in content["patientGoals"]),
        )


@dataclass(frozen=True)
class Wait:
    """An execution that waits, as it is kept while it does."""

    environment: str
    generation: int
    token: str
    """Step Functions' task token: who has it can resume the execution."""
    purpose: Purpose
    context: dict[str, Any]
    """What the look needs to know, from the waiting state's parameters."""
    task_events: TaskEvents = field(default_factory=dict)
    awaited: Awaited | None = None
    """None until it was looked for the first time: then every event is worth a look."""
    next_poll_at: float | None = None
    """Seconds since the epoch, where somebody looks again and again; he may have died since."""
    alarms: int = field(default=0, compare=False)
    """How many urgent events came: a look that began before the last of them does not know it."""

    @property
    def since(self) -> datetime | None:
        """When its execution took the environment. What an event tells of from before is in every
        read by now, or is about an earlier life of the same name: a delivery that failed is tried
        again for hours (W15)."""
        taken_at = self.context.get("openedAt") or self.context.get("closedAt")
        return times.moment(taken_at) if taken_at else None

    @property
    def first_poll_after(self) -> float:
        """Seconds. Services that are told to go are not gone at once, and no event tells when they
        are: there is nothing to miss by looking when it is looked again anyway. Else a look follows
        the token, because what happened before it was kept is told to nobody."""
        going = self.purpose is Purpose.SERVICES_GONE and self.context["names"]
        return POLL_SECONDS if going else 0.0


@dataclass(frozen=True)
class PollResult:
    """What one look brought."""

    answer: dict[str, Any] | None = None
    """What the execution goes on with; None: it waits on."""
    again_after: float | None = None
    """Seconds until it must be looked again whatever events say; None: an event will tell."""
    awaited: Awaited = field(default_factory=Awaited)


def counted(purpose: Purpose, task_events: TaskEvents) -> frozenset[str]:
    """The tasks that a look at this moment counts itself."""
    return frozenset(
        task_id
        for task_id, task_event in task_events.items()
        if task_event.stage in _COUNTS[purpose]
    )


def worth_polling(purpose: Purpose, awaited: Awaited | None, task_events: TaskEvents) -> bool:
    """Whether the tasks that were sighted since the last look can have completed a goal.

    A task may be counted twice, by the look and by its event: then it is looked once too often,
    never too seldom."""
    return awaited is None or _reached(purpose, awaited, awaited.condition_sets, task_events)


def worth_polling_later(purpose: Purpose, awaited: Awaited | None, task_events: TaskEvents) -> bool:
    """The same for the goals that are in no hurry."""
    return awaited is not None and _reached(
        purpose, awaited, awaited.patient_condition_sets, task_events
    )


def _reached(
    purpose: Purpose,
    awaited: Awaited,
    condition_sets: tuple[frozenset[str], ...],
    task_events: TaskEvents,
) -> bool:
    come: dict[str, int] = {}
    for task_id in counted(purpose, task_events) - awaited.known:
        service = task_events[task_id].service
        come[service] = come.get(service, 0) + 1
    return any(
        all(come.get(service, 0) >= awaited.tasks.get(service, 0) for service in condition_set)
        and any(service in come for service in condition_set)
        for condition_set in condition_sets
    )


@dataclass(frozen=True)
class Signal:
    """What an event of ECS's says about an environment."""

    cluster: str
    at: datetime
    """The event's time, in whole seconds."""
    urgent: bool
    """Worth a look by itself: something failed or ended that should not have."""
    service: str = ""
    task_id: str = ""
    """Empty where the event is about a service."""
    stage: Stage | None = None
    version: int = 0

    @property
    def name(self) -> str:
        """The same of an event that comes twice."""
        return f"{self.service}/{self.task_id}/{self.version}"

    @property
    def task_event(self) -> TaskEvent:
        return TaskEvent(self.service, self.stage, self.version)


def signal_of(event: Described) -> Signal:
    """Read "ECS Task State Change", "ECS Deployment State Change" or "ECS Service Action".

    Raises KeyError or ValueError for anything else."""
    detail, at = event["detail"], times.moment(event["time"])
    cluster, name = ecs_answers.cluster_and_name_of(event)
    if event["detail-type"] != ecs_answers.TASK_STATE_CHANGE:
        return Signal(cluster, at, urgent=True, service=name)
    return Signal(
        cluster=cluster,
        at=at,
        urgent=_unexpected_end(detail) or any(code != 0 for code in _edge_exits(detail)),
        service=ecs_answers.service_of(detail),
        task_id=name,
        stage=_stage(detail),
        version=int(detail.get("version", 0)),
    )


def _unexpected_end(task: Described) -> bool:
    return ecs_answers.is_told_to_stop(task) and not ecs_answers.is_ordered_stop(task)


def _edge_exits(task: Described) -> list[int]:
    """Exit codes of the one-shot containers of a proof client."""
    codes = (container.get("exitCode") for container in _one_shots(task))
    return [code for code in codes if code is not None]


def _one_shots(task: Described) -> list[Described]:
    return [
        container
        for container in task.get("containers", ())
        if container.get("name", "").startswith(EDGE_CONTAINER_PREFIX)
    ]


def _stage(task: Described) -> Stage | None:
    """A proof client has come so far once each of its one-shot containers has ended."""
    if ecs_answers.is_stopped(task):
        return Stage.STOPPED
    if not ecs_answers.is_running(task) or ecs_answers.is_told_to_stop(task):
        return None
    return Stage.RUNNING if len(_edge_exits(task)) == len(_one_shots(task)) else None
