"""Write receipt: lists the outcome for every resource, in the record and as the execution's output.

Only a complete deletion removes the schedules and leaves a tombstone. Otherwise the expiry is armed
again for a later retry, and the execution fails with what is left. A deletion that ends office
hours keeps the schedules: the next up creates the environment again.
Repeating it is safe: it writes the same record, and then publishes the same event. If the event
cannot be published, the deletion has ended all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bivouac import clock, times
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.aws.scheduler import Schedules
from bivouac.deletion.receipt import (
    RECEIPT_LIMIT,
    Item,
    Outcome,
    bounded,
    failures,
    final_items,
    nothing_was_deleted,
)
from bivouac.environment import lease
from bivouac.environment.event import Subject
from bivouac.environment.record import Status
from bivouac.environment.schedules import OFFICE_HOURS, ScheduleKind, name_of
from bivouac.errors import DeletionIncompleteError
from bivouac.notifications import events
from bivouac.notifications.notifier import Notifier
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.stack import event_bus, records, schedules

TRY_AGAIN_AFTER = timedelta(minutes=15)


def write_receipt(
    event: Event, now: datetime, records: Records, schedules: Schedules, bus: EventBus
) -> Event:
    """The receipt. Raises DeletionIncompleteError if something of ours is left."""
    environment, generation = event["environment"], event["generation"]
    record = records.current(environment, generation)
    has_schedule = record.content["schedule"] is not None
    items = final_items(event)
    failed = failures(items)
    status, expires_at = Status.DELETED, None
    if failed:
        status = Status.NOT_DELETED
        retry_at = lease.expires_at(now, int(TRY_AGAIN_AFTER.total_seconds()))
        schedules.arm_expiry(environment, retry_at, now, "deletion was not complete")
        expires_at = times.timestamp(retry_at)
        items.append(_retained(ScheduleKind.EXPIRY, environment, f"tries again at {expires_at}"))
    elif event["keepSchedule"] and has_schedule and times.moment(record.expires_at) > now:
        status = Status.SCHEDULED
        items += [_retained(kind, environment, "its next up creates it") for kind in OFFICE_HOURS]
    else:
        for kind, was_there in schedules.disarm(environment, record.office_hours).items():
            outcome = Outcome.DELETED if was_there else Outcome.ALREADY_GONE
            if kind not in OFFICE_HOURS or has_schedule:
                items.append(Item(kind, name_of(kind, environment), outcome))
    receipt = {
        "environment": environment,
        "status": status,
        "at": times.timestamp(now),
        "items": [item.to_json() for item in bounded(items, RECEIPT_LIMIT)],
    }
    # The receipt of an earlier deletion that names what it deleted is worth keeping
    known = record.receipt.get("status") == Status.DELETED and nothing_was_deleted(items)
    found = {} if known else {"receipt": receipt}
    records.finish(environment, generation, status, expires_at=expires_at, **found)
    subject = Subject(environment, generation, now)
    published = events.deleted(subject, receipt)
    if expires_at is not None:
        published = events.not_deleted(subject, failed, expires_at)
    Notifier(records, bus)(published, event.get("tries", 0))
    metrics.add_metric(
        "EnvironmentNotDeleted" if failed else "EnvironmentDeleted", MetricUnit.Count, 1
    )
    if failed:
        lines = [f"{item.kind} {item.name}: {item.reason}" for item in failed]
        raise DeletionIncompleteError(environment, lines)
    return receipt


def _retained(kind: ScheduleKind, environment: str, reason: str) -> Item:
    return Item(kind, name_of(kind, environment), Outcome.RETAINED, reason)


@step
def handler(event: Event) -> Event:
    return write_receipt(event, clock.now(), records(), schedules(), event_bus())
