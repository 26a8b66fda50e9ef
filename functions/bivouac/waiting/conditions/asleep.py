"""Polls an environment that is going to sleep: which of its services' tasks still run.

Reads only. ECS emits an event when a task stops.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bivouac import times
from bivouac.aws.client_types import ECSClient
from bivouac.deletion import remaining
from bivouac.deletion.step import PATIENCE_SECONDS
from bivouac.environment.record import Record
from bivouac.waiting.wait import POLL_SECONDS, Awaited, PollResult, Wait, counted


class AsleepPoll:
    """Called again and again for one wait."""

    def __init__(self, record: Record, ecs_client: ECSClient, now: Callable[[], datetime]) -> None:
        self._cluster: str = record.blueprint["cluster"]["clusterName"]
        self._ecs = ecs_client
        self._now = now

    def __call__(self, wait: Wait) -> PollResult:
        """The answer is GONE, STARTED if tasks are desired again, or STILL_THERE when the patience
        has run out."""
        names = wait.context["names"]
        services = remaining.services(self._ecs, self._cluster, names)
        left = remaining.tasks_left(self._ecs, self._cluster, services)
        if not left:
            return PollResult(answer={"status": "GONE"})
        waited = times.seconds_since(wait.context["suspendedAt"], self._now())
        if waited > PATIENCE_SECONDS:
            return PollResult(answer={"status": "STILL_THERE"})
        if any(service["desiredCount"] for service in services.values()):
            return PollResult(answer={"status": "STARTED"})
        known = counted(wait.purpose, wait.task_events)
        awaited = Awaited(left.listed, (frozenset(left.listed),), known)
        # Once events have arrived, counts and lists may be older than the events; and a task that
        # is counted but not listed emits no further event.
        certain = left.certain and not known
        return PollResult(again_after=None if certain else POLL_SECONDS, awaited=awaited)
