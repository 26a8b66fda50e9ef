"""What an execution waits for, and when a poll is worthwhile. Pure.

Only what a poll of AWS shows resumes a waiting execution, never an event alone: events arrive
twice, out of order, or not at all (W01, W02). An event only says whether to poll.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from bivouac import times
from bivouac.aws import ecs_answers
from bivouac.json_types import Described

POLL_SECONDS = 2.0
"""Between two polls for changes that emit no event: container health, attachments, Cloud Map,
DRAINING to INACTIVE."""

STALE_SECONDS = 0.3
"""Before repeating reads that lag behind an event."""

LATE_SECONDS = 5.0
"""A poller this late with its next poll, or a poll that takes this long, counts as crashed."""

EDGE_CONTAINER_PREFIX = "edge-"


class Purpose(StrEnum):
    """What an execution waits for."""

    SERVICES = "services"
    """Every service is healthy and every edge proven; or there is something to do, or a failure."""
    SERVICES_GONE = "services gone"
    TASKS_GONE = "tasks gone"
    EVERYTHING_GONE = "everything gone"
    ASLEEP = "asleep"
    """The services exist, and none of their tasks is left."""


class Stage(StrEnum):
    """The stages of a task that an execution may wait for."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


_COUNTS: Mapping[Purpose, frozenset[Stage]] = {
    Purpose.SERVICES: frozenset({Stage.RUNNING}),
    Purpose.SERVICES_GONE: frozenset(),
    Purpose.TASKS_GONE: frozenset({Stage.STOPPED}),
    Purpose.EVERYTHING_GONE: frozenset(),
    Purpose.ASLEEP: frozenset({Stage.STOPPED}),
}
"""The stages that count towards a purpose."""


@dataclass(frozen=True)
class TaskEvent:
    """The newest event of one task."""

    service: str
    stage: Stage | None
    """None: no stage that an execution waits for."""
    version: int

    def to_json(self) -> dict[str, Any]:
        return {"service": self.service, "stage": self.stage or "", "version": self.version}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        stage = content["stage"]
        return cls(content["service"], Stage(stage) if stage else None, int(content["version"]))


TaskEvents = Mapping[str, TaskEvent]
"""By task id."""


@dataclass(frozen=True)
class Awaited:
    """The events that must arrive before another poll can find an answer."""

    tasks: Mapping[str, int] = field(default_factory=dict)
    """By service: how many more of its tasks must reach the stage. None, for a service not here."""
    condition_sets: tuple[frozenset[str], ...] = ()
    """Sets of services; once all services of one set have reached the stage, a poll is due."""
    known: frozenset[str] = frozenset()
    """Tasks whose events came before the poll, which counted them itself (`counted`)."""
    healthy_since: str = ""
    """ISO 8601, since when only proofs are missing; empty: something else is. Stored, because the
    next poll may be another function's."""

    @property
    def has_come(self) -> bool:
        """Whether all services of one set have reached the stage already."""
        return any(not each & self.tasks.keys() for each in self.condition_sets)

    def to_json(self) -> dict[str, Any]:
        return {
            "tasks": dict(self.tasks),
            "goals": sorted(sorted(condition_set) for condition_set in self.condition_sets),
            # An earlier version of a poller may still read it.
            "patientGoals": [],
            "known": sorted(self.known),
            "healthySince": self.healthy_since,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(
            content["tasks"],
            tuple(map(frozenset, (*content["goals"], *content["patientGoals"]))),
            frozenset(content["known"]),
            content.get("healthySince", ""),
        )


@dataclass(frozen=True)
class Wait:
    """A waiting execution, as stored."""

    environment: str
    generation: int
    token: str
    """Step Functions' task token, which resumes the execution."""
    purpose: Purpose
    context: dict[str, Any]
    """What the poll needs to know, from the waiting state's parameters."""
    task_events: TaskEvents = field(default_factory=dict)
    awaited: Awaited | None = None
    """None before the first poll: every event is worth a poll until then."""
    next_poll_at: float | None = None
    """Seconds since the epoch, while a poller is at work; the poller may have crashed since."""
    alarms: int = field(default=0, compare=False)
    """The number of urgent events. A poll that began before the last one does not cover it."""

    @property
    def since(self) -> datetime | None:
        """When the execution took the environment. Every read reflects older events by now, or they
        concern an earlier environment of the same name: failed deliveries are retried for hours
        (W15)."""
        taken_at = self.context.get("openedAt") or self.context.get("closedAt")
        return times.moment(taken_at) if taken_at else None

    def poller_died(self, now: datetime) -> bool:
        """Whether the next poll is overdue. Any function that notices takes over."""
        at = self.next_poll_at
        return at is not None and at < now.timestamp() - LATE_SECONDS

    @property
    def first_poll_after(self) -> float:
        """Seconds. Deleted services take a while to go, and no event says when they are gone:
        polling covers it. Otherwise poll as soon as the token is stored, because events that came
        before it reached nobody."""
        deleting = self.purpose is Purpose.SERVICES_GONE and self.context["names"]
        return POLL_SECONDS if deleting else 0.0


@dataclass(frozen=True)
class PollResult:
    """What one poll found."""

    answer: dict[str, Any] | None = None
    """What the execution resumes with; None: it keeps waiting."""
    again_after: float | None = None
    """Seconds until the next poll, whatever events say; None: an event will call for it."""
    awaited: Awaited = field(default_factory=Awaited)


def counted(purpose: Purpose, task_events: TaskEvents) -> frozenset[str]:
    """The tasks that a poll at this moment counts itself."""
    return frozenset(
        task_id
        for task_id, task_event in task_events.items()
        if task_event.stage in _COUNTS[purpose]
    )


def worth_polling(purpose: Purpose, awaited: Awaited | None, task_events: TaskEvents) -> bool:
    """Whether task events since the last poll can have completed a condition set.

    A task may be counted twice, by the poll and by its event. That costs one unnecessary poll;
    no poll is ever missed."""
    if awaited is None:
        return True
    reached = Counter(
        task_events[task_id].service for task_id in counted(purpose, task_events) - awaited.known
    )
    return any(
        all(reached[service] >= awaited.tasks.get(service, 0) for service in condition_set)
        and any(service in reached for service in condition_set)
        for condition_set in awaited.condition_sets
    )


@dataclass(frozen=True)
class Signal:
    """What an ECS event says about an environment."""

    cluster: str
    at: datetime
    """The event's time, in whole seconds."""
    urgent: bool
    """Worth a poll by itself: something failed, or stopped unexpectedly."""
    service: str = ""
    task_id: str = ""
    """Empty where the event is about a service."""
    stage: Stage | None = None
    version: int = 0

    @property
    def name(self) -> str:
        """The same for both deliveries of an event that arrives twice."""
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
    """The exit codes of a proof client's one-shot containers."""
    codes = (container.get("exitCode") for container in _one_shots(task))
    return [code for code in codes if code is not None]


def _one_shots(task: Described) -> list[Described]:
    return [
        container
        for container in task.get("containers", ())
        if container.get("name", "").startswith(EDGE_CONTAINER_PREFIX)
    ]


def _stage(task: Described) -> Stage | None:
    """A proof client counts as RUNNING once each of its one-shot containers has ended."""
    if ecs_answers.is_stopped(task):
        return Stage.STOPPED
    if not ecs_answers.is_running(task) or ecs_answers.is_told_to_stop(task):
        return None
    return Stage.RUNNING if len(_edge_exits(task)) == len(_one_shots(task)) else None
