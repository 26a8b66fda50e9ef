"""Recheck environment: whether what was ready still is, or is so again.

ECS tells when a task of ours ends that nobody ordered to, and when a deployment fails. A task that
ECS replaces in time is no news: what counts is how the environment is after a while. What is
DEGRADED is looked at every quarter of an hour as well, because nobody tells of a recovery.
Repeating it is safe, and several at once are: the record is written only as it was read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bivouac import events, lease, naming
from bivouac.aws import clients
from bivouac.aws.events import EventBus
from bivouac.aws.holding import event_bus, records
from bivouac.aws.records import Records
from bivouac.aws.reporting import reported
from bivouac.blueprint import Blueprint
from bivouac.errors import RecordTooNewError, SupersededError
from bivouac.looks.condition import ConditionLook, Seen
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.record import Record, Status
from bivouac.settings import StackSettings
from bivouac.waiting import signal_of

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

PATIENCE_SECONDS = 120.0
"""ECS replaces a task within about a minute; a task that ends again meanwhile is a verdict."""
PAUSE_SECONDS = 10.0
TOLD_AGAIN_WITHIN = timedelta(minutes=10)
"""Of the first sight: a try that died between recording and telling is made again by then."""


@dataclass(frozen=True)
class Recheck:
    now: Callable[[], datetime]
    records: Records
    logs: CloudWatchLogsClient
    bus: EventBus
    looking_at: Callable[[Record], Callable[[], Seen]]

    def __call__(self, environment: str, patience: float) -> str:
        """READY, DEGRADED, or what it is otherwise: then it is none of this function's business."""
        try:
            record = self.records.find(environment)
        except RecordTooNewError as error:
            logger.warning("not looked at", environment=environment, reason=str(error))
            return "TOO_NEW"
        if record is None:
            return "UNKNOWN"
        if record.status not in (Status.READY, Status.DEGRADED):
            return record.status
        patience = patience if record.status is Status.READY else 0.0
        seen = self._after_a_while(self.looking_at(record), patience)
        try:
            return self._recovered(record) if seen.is_fit else self._degraded(record, seen)
        except SupersededError as error:
            logger.info("taken over", reason=str(error))
            return "TAKEN_OVER"

    def _after_a_while(self, look: Callable[[], Seen], patience: float) -> Seen:
        """Fit, failed for good, or not fit for as long as that."""
        waited = 0.0
        while True:
            seen = look()
            if seen.is_fit or seen.failed or waited >= patience:
                return seen
            time.sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS

    def _recovered(self, record: Record) -> str:
        if record.status is Status.DEGRADED:
            self.records.end(record, Status.READY, failure=None)
            logger.info("recovered", environment=record.environment)
            metrics.add_metric("EnvironmentRecovered", MetricUnit.Count, 1)
        return Status.READY

    def _degraded(self, record: Record, seen: Seen) -> str:
        """Told once for each time that it happens, after it is recorded."""
        now = self.now()
        if record.status is Status.DEGRADED:
            failure = json.loads(record.failure)
            if now - lease.moment(failure["since"]) > TOLD_AGAIN_WITHIN:
                return Status.DEGRADED
        else:
            blueprint = Blueprint.from_json(record.content)
            verdicts = [*seen.failed, *seen.unfit]
            failure = reported(
                "ServiceDegraded", verdicts, blueprint, record.generation, self.logs
            ) | {"since": lease.timestamp(now)}
            self.records.end(record, Status.DEGRADED, failure=failure)
            metrics.add_metric("EnvironmentDegraded", MetricUnit.Count, 1)
        subject = events.Subject(record.environment, record.generation, now)
        self.bus.publish(events.degraded(subject, failure, failure["since"]))
        return Status.DEGRADED


def recheck_environment(event: Event, name_prefix: str, recheck: Recheck) -> Event:
    """`status` by environment: of the event's, or, of {"status": "DEGRADED"}, of all that are."""
    if event == {"status": Status.DEGRADED}:
        found = [each for each in recheck.records.listed() if each.status is Status.DEGRADED]
        return {
            "status": "RECHECKED",
            "environments": {each.environment: recheck(each.environment, 0.0) for each in found},
        }
    signal = signal_of(event)
    if not signal.urgent or signal.service.startswith(naming.PROOF_PREFIX):
        return {"status": "EXPECTED", "environments": {}}
    environment = naming.environment_of_cluster(name_prefix, signal.cluster)
    if environment is None:
        return {"status": "NOT_OURS", "environments": {}}
    logger.append_keys(environment=environment)
    return {
        "status": "RECHECKED",
        "environments": {environment: recheck(environment, PATIENCE_SECONDS)},
    }


@step
def handler(event: Event) -> Event:
    def looking_at(record: Record) -> Callable[[], Seen]:
        return ConditionLook(record, clients.ecs(), clients.servicediscovery)

    recheck = Recheck(lambda: datetime.now(UTC), records(), clients.logs(), event_bus(), looking_at)
    return recheck_environment(event, StackSettings.from_env().name_prefix, recheck)
