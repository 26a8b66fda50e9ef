"""Telling others what a record says, which undoes nothing and is not forgotten.

The record is written first. An event that cannot be put on the bus is tried again with its step;
after that the record notes that nobody was told, and the sweep tells it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.deletion.receipt import failures, items_from_json
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.event import DetailType, EnvironmentEvent, Subject
from bivouac.environment.record import Record
from bivouac.errors import RETRIED, BivouacError
from bivouac.notifications import events
from bivouac.observability import MetricUnit, logger, metrics

TRIES_TO_TELL = 3
"""So often a step is repeated for the event alone; its retriers allow more, so that the last word
is the step's own (statemachine/)."""


@dataclass(frozen=True)
class Notifier:
    records: Records
    bus: EventBus

    def __call__(self, event: EnvironmentEvent, tries: int = TRIES_TO_TELL) -> bool:
        """Whether others were told. `tries`: how often the step was repeated before.

        Raises where another try may do better, and makes a note where none is left."""
        try:
            self.bus.publish(event)
        except BivouacError as error:
            if tries < TRIES_TO_TELL and isinstance(error, RETRIED):
                raise
            logger.warning("nobody was told", detailType=event.detail_type, reason=str(error))
            metrics.add_metric("EventNotTold", MetricUnit.Count, 1)
            detail = event.detail
            self.records.note_untold(detail["environment"], detail["generation"], event.detail_type)
            return False
        return True

    def again(self, record: Record, detail_type: DetailType, now: datetime) -> bool:
        """Tell what the record says; where it notes that nobody was told, the note goes."""
        told = self(told_of(record, detail_type, now))
        if told and record.untold:
            self.records.forget_untold(record)
        return told


def told_of(record: Record, detail_type: DetailType, now: datetime) -> EnvironmentEvent:
    """The event as the step would have told it that wrote the record."""
    subject = Subject(record.environment, record.generation, now)
    match detail_type:
        case DetailType.READY:
            return ready(record, now)
        case DetailType.FAILED:
            return events.failed(subject, json.loads(record.failure))
        case DetailType.DEGRADED:
            failure = json.loads(record.failure)
            return events.degraded(subject, failure, failure["since"])
        case DetailType.DELETED:
            return events.deleted(subject, record.receipt)
        case DetailType.NOT_DELETED:
            left = failures(items_from_json(record.receipt["items"]))
            return events.not_deleted(subject, left, record.expires_at)
        case _:
            raise ValueError(f"a record does not say {detail_type}")


def ready(record: Record, now: datetime) -> EnvironmentEvent:
    blueprint = Blueprint.from_json(record.content)
    return events.ready(
        Subject(record.environment, record.generation, now),
        cluster=blueprint.cluster["clusterName"],
        namespace=blueprint.namespace,
        expires_at=record.expires_at,
        services=[service.service_name for service in blueprint.services],
        edges=[edge.name for edge in blueprint.edges],
    )
