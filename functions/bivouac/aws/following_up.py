"""Doing what an execution could not do on its way out, whoever finds that it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bivouac import events
from bivouac.aftermath import Aftermath
from bivouac.aws import executions
from bivouac.aws.events import EventBus
from bivouac.aws.records import Records
from bivouac.observability import MetricUnit, metrics
from bivouac.record import Record, Status
from bivouac.settings import MachineSettings

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class FollowUp:
    records: Records
    machines: MachineSettings
    stepfunctions: SFNClient
    bus: EventBus

    def __call__(self, due: Aftermath, record: Record, now: datetime) -> str | None:
        """The name of the execution that follows, which a call before this one may have started.

        Raises SupersededError where another execution took the record meanwhile."""
        if due.failure:
            self.records.end(record, Status.FAILED, settle=True, failure=due.failure)
            subject = events.Subject(record.environment, record.generation, now)
            self.bus.publish(events.failed(subject, due.failure))
            metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
        if due.start is None:
            return None
        machine = self.machines.arns[due.start.machine]
        executions.start(self.stepfunctions, machine, due.start.name, due.start.content)
        return due.start.name
