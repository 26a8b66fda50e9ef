"""Cleans up after a dead execution; for both functions that find that it is due."""

from __future__ import annotations

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
from bivouac.settings import Machine
from bivouac.sweep.follow_up import Aftermath, Ended, Start, after_redeploy, aftermath


@dataclass(frozen=True)
class Followed:
    done: bool
    """This call did something that no earlier call had done."""
    started: str | None
    """The name of the execution that was started."""


@dataclass(frozen=True)
class FollowUp:
    records: Records
    stepfunctions: SFNClient
    bus: EventBus

    def due(self, ended: Ended) -> tuple[Record | None, Aftermath | None]:
        """What to do about an ended execution, and the record that it is about; None if there is
        nothing to do."""
        if ended.machine is not Machine.REDEPLOY:
            record = self.held_by(ended)
            return record, aftermath(record, ended) if record else None
        record = self.named_by(ended)
        if record is None:
            return None, None
        # The record is held by the create that the redeploy started
        runs = record.status is Status.CREATING and executions.is_running(
            self.stepfunctions, record.execution
        )
        return record, after_redeploy(record, ended, runs)

    def described(self, execution_arn: str) -> Ended | None:
        """None if Step Functions has no such execution, or no longer has it."""
        found = executions.described(self.stepfunctions, execution_arn)
        return Ended(**vars(found)) if found else None

    def named_by(self, ended: Ended) -> Record | None:
        return self.records.find(ended.environment) if ended.environment else None

    def held_by(self, ended: Ended) -> Record | None:
        """The record that the execution holds or last held; its input only says which to try
        first."""
        record = self.named_by(ended)
        if record and record.execution == ended.arn:
            return record
        for summary in self.records.listed():
            if summary.execution == ended.arn:
                return self.records.find(summary.environment)
        return None

    def __call__(self, due: Aftermath, record: Record, now: datetime) -> Followed:
        """Raises SupersededError if another execution has taken the record meanwhile."""
        done = bool(due.failure)
        if due.failure:
            untold = DetailType.FAILED
            self.records.end(record, Status.FAILED, settle=True, failure=due.failure, untold=untold)
            record = replace(record, status=Status.FAILED, failure=due.failure, untold=untold)
            metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
        if tells := due.tells or record.untold:
            done |= Notifier(self.records, self.bus).again(record, DetailType(tells), now)
        if due.start is None:
            return Followed(done, None)
        started = self.start(due.start)
        return Followed(started.anew or done, started.name)

    def start(self, start: Start) -> Started:
        arn = start.machine.arn
        return executions.start(self.stepfunctions, arn, start.name, start.content, start.since)
