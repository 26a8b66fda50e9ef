"""Write receipt: what became of every resource, in the record and as the execution's output.

Only a complete deletion removes the expiry schedule and leaves a tombstone; otherwise the schedule
is armed again, so that what is left is tried later, and the execution fails with what is left.
Repeating it is safe, and tells the same event, after the record is written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bivouac import events, lease, naming
from bivouac.aws import clients, schedules
from bivouac.aws.events import EventBus
from bivouac.aws.holding import event_bus, records
from bivouac.aws.records import Records
from bivouac.errors import DeletionIncompleteError
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.receipt import Item, Outcome, concluded, failures, items_from_json, merged
from bivouac.record import Status
from bivouac.settings import ExpirySettings

if TYPE_CHECKING:
    from types_boto3_scheduler import EventBridgeSchedulerClient

KIND = "expiry schedule"
TRY_AGAIN_AFTER = timedelta(minutes=15)


def write_receipt(
    event: Event,
    now: datetime,
    records: Records,
    settings: ExpirySettings,
    scheduler: EventBridgeSchedulerClient,
    bus: EventBus,
) -> Event:
    """The receipt. Raises DeletionIncompleteError where something of ours is left."""
    environment, generation = event["environment"], event["generation"]
    records.held(environment, generation)
    items = _items(event)
    failed = failures(items)
    schedule, expires_at = naming.expiry_schedule(environment), None
    if failed:
        retry_at = lease.expires_at(now, int(TRY_AGAIN_AFTER.total_seconds()))
        schedules.arm(scheduler, settings, environment, retry_at, "deletion was not complete")
        expires_at = lease.timestamp(retry_at)
        items.append(Item(KIND, schedule, Outcome.RETAINED, f"tries again at {expires_at}"))
    else:
        was_there = schedules.disarm(scheduler, settings, environment)
        outcome = Outcome.DELETED if was_there else Outcome.ALREADY_GONE
        items.append(Item(KIND, schedule, outcome))
    status = Status.NOT_DELETED if failed else Status.DELETED
    receipt = {
        "environment": environment,
        "status": status,
        "at": lease.timestamp(now),
        "items": [item.to_json() for item in items],
    }
    records.finish(environment, generation, status, expires_at=expires_at, receipt=receipt)
    subject = events.Subject(environment, generation, now)
    if expires_at is None:
        bus.publish(events.deleted(subject, receipt))
    else:
        bus.publish(events.not_deleted(subject, failed, expires_at))
    metrics.add_metric(
        "EnvironmentNotDeleted" if failed else "EnvironmentDeleted", MetricUnit.Count, 1
    )
    if failed:
        raise DeletionIncompleteError(environment, _lines(failed))
    return receipt


def _items(event: Event) -> list[Item]:
    said: list[Item] = []
    for part in (event["services"], *event["used"].values(), event["cluster"], event["logGroups"]):
        said += items_from_json(part["items"])
    look: dict[str, Any] = event["look"]
    if "items" in look:
        return concluded(said, items_from_json(look["items"]))
    reason = f"the last look failed: {look.get('Error')}: {look.get('Cause')}"
    unseen = Item("look", event["environment"], Outcome.FAILED, reason)
    return [*merged(said, [unseen], unseen=reason)]


def _lines(failed: list[Item]) -> list[str]:
    return [f"{item.kind} {item.name}: {item.reason}" for item in failed]


@step
def handler(event: Event) -> Event:
    return write_receipt(
        event,
        datetime.now(UTC),
        records(),
        ExpirySettings.from_env(),
        clients.scheduler(),
        event_bus(),
    )
