"""Write receipt: lists the outcome for every resource, in the record and as the execution's output.

If something is left, the execution fails with it, and a later retry is armed.
Repeating it is safe: it writes the same record, and then publishes the same event. If the event
cannot be published, the deletion has ended all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bivouac import clock
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.aws.scheduler import Schedules
from bivouac.deletion import receipt
from bivouac.deletion.ending import ended
from bivouac.environment.event import DetailType
from bivouac.environment.record import Status
from bivouac.errors import DeletionIncompleteError
from bivouac.notifications import events
from bivouac.notifications.notifier import Notifier
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.stack import event_bus, records, schedules
from bivouac.status import answers


def write_receipt(
    event: Event, now: datetime, records: Records, schedules: Schedules, bus: EventBus
) -> Event:
    """The execution's output, with the receipt. Raises DeletionIncompleteError if something of
    ours is left."""
    environment, generation = event["environment"], event["generation"]
    record = records.current(environment, generation)
    items = receipt.final_items(event)
    failed = receipt.failures(items)
    keep_schedule = event["keepSchedule"]
    status, kept, retry_at = ended(record, not failed, keep_schedule, schedules, now)
    items += kept
    written = receipt.of(environment, status, items, now)
    # The receipt of an earlier deletion that names what it deleted is worth keeping
    known = record.receipt.get("status") == Status.DELETED and receipt.nothing_was_deleted(items)
    found = {} if known else {"receipt": written}
    records.finish(environment, generation, status, expires_at=retry_at, **found)
    expires_at = retry_at or record.expires_at
    left = replace(record, status=status, expires_at=expires_at, receipt=written)
    published = DetailType.NOT_DELETED if failed else DetailType.DELETED
    Notifier(records, bus)(events.of_record(published, left, now), event.get("tries", 0))
    metric = "EnvironmentNotDeleted" if failed else "EnvironmentDeleted"
    metrics.add_metric(metric, MetricUnit.Count, 1)
    if failed:
        lines = [f"{item.kind} {item.name}: {item.reason}" for item in failed]
        raise DeletionIncompleteError(environment, lines)
    return answers.deleted(left)


@step
def handler(event: Event) -> Event:
    return write_receipt(event, clock.now(), records(), schedules(), event_bus())
