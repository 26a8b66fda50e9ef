"""Rechecks a READY or DEGRADED environment, and waits for what ECS may be replacing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bivouac import clock
from bivouac.aws.environments_table import Records
from bivouac.environment.record import Record, Status
from bivouac.errors import RecordTooNewError, SupersededError
from bivouac.observability import logger
from bivouac.recheck.judgement import Judgement
from bivouac.recheck.still_ready import RecheckResult

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
