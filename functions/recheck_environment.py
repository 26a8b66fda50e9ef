"""Recheck environment: whether an environment that was READY still is, or is so again.

ECS emits an event when one of our tasks stops unexpectedly, and when a deployment fails. A task
that ECS replaces in time does not matter: what counts is the environment's state after a while.
DEGRADED environments are also rechecked every 15 minutes, because no event reports a recovery.
Repeating it is safe, also in parallel: the record is written only if it has not changed since it
was read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bivouac import clock
from bivouac.aws import clients
from bivouac.aws.environments_table import Records
from bivouac.environment import naming
from bivouac.environment.record import Record, Status
from bivouac.environment.wait_times import PATIENCE_SECONDS
from bivouac.errors import RecordTooNewError, SupersededError
from bivouac.observability import Event, logger, step
from bivouac.recheck.judgement import Judgement
from bivouac.recheck.still_ready import RecheckResult, StillReadyPoll
from bivouac.settings import StackSettings
from bivouac.stack import event_bus, records
from bivouac.waiting.wait import signal_of

PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Recheck:
    now: Callable[[], datetime]
    records: Records
    judge: Judgement
    poll_of: Callable[[Record], Callable[[], RecheckResult]]

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
        result = self._poll_until_fit(self.poll_of(record), patience)
        try:
            return self.judge(record, result, self.now())
        except SupersededError as error:
            logger.info("taken over", reason=str(error))
            return "TAKEN_OVER"

    def _poll_until_fit(self, poll: Callable[[], RecheckResult], patience: float) -> RecheckResult:
        """Fit, failed for good, or still not fit after `patience` seconds."""
        waited = 0.0
        while True:
            result = poll()
            if result.is_fit or result.failed or waited >= patience:
                return result
            clock.sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS


def recheck_environment(event: Event, name_prefix: str, recheck: Recheck) -> Event:
    """`status` by environment: the event's environment, or, for {"status": "DEGRADED"}, all that
    are DEGRADED."""
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
    def poll_of(record: Record) -> Callable[[], RecheckResult]:
        return StillReadyPoll(record, clients.ecs(), clients.servicediscovery)

    judge = Judgement(records(), clients.logs(), event_bus())
    recheck = Recheck(clock.now, records(), judge, poll_of)
    return recheck_environment(event, StackSettings.from_env().name_prefix, recheck)
