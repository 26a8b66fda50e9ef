"""Cleans up after a dead execution; for both functions that find that it is due."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bivouac.aws import executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.aws.executions import Started
from bivouac.environment.event import DetailType
from bivouac.environment.record import Record, Status
from bivouac.notifications.notifier import Notifier
from bivouac.observability import MetricUnit, metrics
from bivouac.sweep.follow_up import Aftermath, Start


@dataclass(frozen=True)
class Followed:
    done: bool
    """This call did something that no earlier call had done."""
    started: str | None
    """The name of the execution that was started."""


@dataclass(frozen=True)
class FollowUp:
    records: Records
    machines: Mapping[str, str]
    """ARNs of state machines by name."""
    stepfunctions: SFNClient
    bus: EventBus

    def __call__(self, due: Aftermath, record: Record, now: datetime) -> Followed:
        """Raises SupersededError if another execution has taken the record meanwhile."""
        done = bool(due.failure)
        if due.failure:
            untold = DetailType.FAILED
            self.records.end(record, Status.FAILED, settle=True, failure=due.failure, untold=untold)
            failure = json.dumps(due.failure)
            record = replace(record, status=Status.FAILED, failure=failure, untold=untold)
            metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
        if tells := due.tells or record.untold:
            done |= Notifier(self.records, self.bus).again(record, DetailType(tells), now)
        if due.start is None:
            return Followed(done, None)
        started = self.start(due.start)
        return Followed(started.anew or done, started.name)

    def start(self, start: Start) -> Started:
        machine = self.machines[start.machine]
        return executions.start(self.stepfunctions, machine, start.name, start.content, start.since)
