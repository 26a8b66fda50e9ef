"""Recheck environment: whether what was ready still is, or is so again.

ECS tells when a task of ours ends that nobody ordered to, and when a deployment fails. A task that
ECS replaces in time is no news: what counts is how the environment is after a while. What is
DEGRADED is looked at every quarter of an hour as well, because nobody tells of a recovery.
Repeating it is safe, and several at once are: the record is written only as it was read.
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
    looking_at: Callable[[Record], Callable[[], RecheckResult]]

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
            return self.judge(record, seen, self.now())
        except SupersededError as error:
            logger.info("taken over", reason=str(error))
            return "TAKEN_OVER"

    def _after_a_while(self, look: Callable[[], RecheckResult], patience: float) -> RecheckResult:
        """Fit, failed for good, or not fit for as long as that."""
        waited = 0.0
        while True:
            seen = look()
            if seen.is_fit or seen.failed or waited >= patience:
                return seen
            clock.sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS


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
    def looking_at(record: Record) -> Callable[[], RecheckResult]:
        return StillReadyPoll(record, clients.ecs(), clients.servicediscovery)

    judge = Judgement(records(), clients.logs(), event_bus())
    recheck = Recheck(clock.now, records(), judge, looking_at)
    return recheck_environment(event, StackSettings.from_env().name_prefix, recheck)
