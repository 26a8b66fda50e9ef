"""Rechecks a READY or DEGRADED environment, waits for what ECS may be replacing, and records and
publishes the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bivouac import clock, times
from bivouac.aws.client_types import CloudWatchLogsClient
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.diagnosis.failure import reported
from bivouac.environment.event import DetailType
from bivouac.environment.record import Record, Status
from bivouac.errors import RecordTooNewError, SupersededError
from bivouac.notifications.notifier import Notifier
from bivouac.observability import MetricUnit, logger, metrics
from bivouac.recheck.still_ready import RecheckResult, StillReadyPoll

PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Recheck:
    records: Records
    logs: CloudWatchLogsClient
    bus: EventBus

    def __call__(self, environment: str, patience: float) -> str:
        """READY or DEGRADED, or any other status, in which there is nothing to recheck."""
        try:
            record = self.records.find(environment)
        except RecordTooNewError as error:
            logger.warning("not checked", environment=environment, reason=str(error))
            return "TOO_NEW"
        if record is None:
            return "UNKNOWN"
        if record.status not in (Status.READY, Status.DEGRADED):
            return record.status
        patience = patience if record.status is Status.READY else 0.0
        result = self._poll_until_fit(StillReadyPoll(record), patience)
        try:
            return self.judge(record, result, clock.now())
        except SupersededError as error:
            logger.info("taken over", reason=str(error))
            return "TAKEN_OVER"

    def _poll_until_fit(self, poll: StillReadyPoll, patience: float) -> RecheckResult:
        """Fit, failed for good, or still not fit after `patience` seconds."""
        waited = 0.0
        while True:
            result = poll()
            if result.is_fit or result.failed or waited >= patience:
                return result
            clock.sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS

    def judge(self, record: Record, result: RecheckResult, now: datetime) -> Status:
        """READY or DEGRADED. Raises SupersededError if the record has changed since it was read."""
        return self._recovered(record) if result.is_fit else self._degraded(record, result, now)

    def _recovered(self, record: Record) -> Status:
        if record.status is Status.DEGRADED:
            self.records.end(record, Status.READY, failure=None, untold="")
            logger.info("recovered", environment=record.environment)
            metrics.add_metric("EnvironmentRecovered", MetricUnit.Count, 1)
        return Status.READY

    def _degraded(self, record: Record, result: RecheckResult, now: datetime) -> Status:
        """Recorded first, then published, once for each time that it happens."""
        if record.status is not Status.DEGRADED:
            verdicts = [*result.failed, *result.unfit]
            blueprint = record.planned
            failure = reported(
                "ServiceDegraded", verdicts, blueprint, record.generation, self.logs
            ) | {"since": times.timestamp(now)}
            untold = DetailType.DEGRADED
            self.records.end(record, Status.DEGRADED, failure=failure, untold=untold)
            record = replace(record, status=Status.DEGRADED, failure=failure, untold=untold)
            metrics.add_metric("EnvironmentDegraded", MetricUnit.Count, 1)
        if record.untold:
            Notifier(self.records, self.bus).again(record, DetailType(record.untold), now)
        return Status.DEGRADED
