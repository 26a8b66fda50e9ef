"""Write receipt: lists the outcome for every resource, in the record and as the execution's output.

Only a complete deletion removes the schedules and leaves a tombstone. Otherwise the expiry is armed
again for a later retry, and the execution fails with what is left. A deletion that ends office
hours keeps the schedules: the next up creates the environment again.
Repeating it is safe: it writes the same record, and then publishes the same event. If the event
cannot be published, the deletion has ended all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bivouac import clock, times
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.aws.lambda_answers import message_of
from bivouac.aws.scheduler import Schedules
from bivouac.aws.stepfunctions_answers import caught
from bivouac.deletion.receipt import (
    RECEIPT_LIMIT,
    Item,
    Outcome,
    bounded,
    concluded,
    failures,
    items_from_json,
    merged,
)
from bivouac.environment import lease
from bivouac.environment.event import Subject
from bivouac.environment.record import Record, Status
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
    items = _items(event)
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
    found = {} if _is_known(record, items) else {"receipt": receipt}
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
        raise DeletionIncompleteError(environment, _lines(failed))
    return receipt


def _is_known(record: Record, items: list[Item]) -> bool:
    """A deletion of this life came to its end before, and this one deleted nothing more: the
    receipt that names what was deleted is worth keeping."""
    complete = record.receipt.get("status") == Status.DELETED
    return complete and all(
        item.outcome in (Outcome.ALREADY_GONE, Outcome.DELETING) for item in items
    )


def _retained(kind: ScheduleKind, environment: str, reason: str) -> Item:
    return Item(kind, name_of(kind, environment), Outcome.RETAINED, reason)


def _items(event: Event) -> list[Item]:
    said: list[Item] = []
    for part in (event["services"], *event["used"].values(), event["cluster"]):
        said += [replace(item, reason=_reason(item)) for item in items_from_json(part["items"])]
    look: dict[str, Any] = event["look"]
    unanswered = "quiet" in look  # its other fields are from an earlier round
    if "items" in look and not unanswered:
        return concluded(said, items_from_json(look["items"]))
    error, cause = caught(look)
    reason = f"the last check failed: {error}: {message_of(cause)}"
    if unanswered:
        reason = "no answer of the last check reached the execution"
    unseen = Item("look", event["environment"], Outcome.FAILED, reason)
    return [*merged(said, [unseen], unseen=reason)]


def _reason(item: Item) -> str:
    """A step that failed without a cause timed out (stepfunctions_answers.caught)."""
    if item.outcome is Outcome.FAILED and not item.reason:
        return "the step timed out"
    return message_of(item.reason)


def _lines(failed: list[Item]) -> list[str]:
    return [f"{item.kind} {item.name}: {item.reason}" for item in failed]


@step
def handler(event: Event) -> Event:
    return write_receipt(
        event,
        clock.now(),
        records(),
        schedules(),
        event_bus(),
    )
