"""How a deletion ends: the record's status, and what becomes of the environment's schedules.

Only a complete deletion removes them and leaves a tombstone. Otherwise the expiry is armed again
for a later retry. A deletion that ends office hours keeps them: the next up creates the environment
again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bivouac import times
from bivouac.aws.scheduler import Schedules
from bivouac.deletion.receipt import Item, Outcome
from bivouac.environment import lease
from bivouac.environment.record import Record, Status
from bivouac.environment.schedules import NOT_COMPLETE, OFFICE_HOURS, ScheduleKind, name_of

TRY_AGAIN_AFTER = timedelta(minutes=15)


def ended(
    record: Record, complete: bool, keep_schedule: bool, schedules: Schedules, now: datetime
) -> tuple[Status, list[Item], str | None]:
    """The record's status, the schedules' items, and when it is tried again, if it is."""
    environment = record.environment
    if not complete:
        retry_at = lease.expires_at(now, int(TRY_AGAIN_AFTER.total_seconds()))
        schedules.arm_expiry(environment, retry_at, now, NOT_COMPLETE)
        at = times.timestamp(retry_at)
        kept = _retained(ScheduleKind.EXPIRY, environment, f"tries again at {at}")
        return Status.NOT_DELETED, [kept], at
    has_schedule = record.blueprint["schedule"] is not None
    if keep_schedule and has_schedule and times.moment(record.expires_at) > now:
        why = "its next up creates it"
        return Status.SCHEDULED, [_retained(kind, environment, why) for kind in OFFICE_HOURS], None
    removed = schedules.disarm(environment, record.office_hours)
    items = [
        Item(kind, name_of(kind, environment), Outcome.DELETED if there else Outcome.ALREADY_GONE)
        for kind, there in removed.items()
        if kind not in OFFICE_HOURS or has_schedule
    ]
    return Status.DELETED, items, None


def _retained(kind: ScheduleKind, environment: str, reason: str) -> Item:
    return Item(kind, name_of(kind, environment), Outcome.RETAINED, reason)
