"""Publishes a record's status; a failure to do so undoes nothing and is made up for later.

The record is written first. If its event cannot be put on the bus, the step is retried; after that
the record notes the unpublished event, and the sweep publishes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.environment.event import DetailType, EnvironmentEvent
from bivouac.environment.record import Record
from bivouac.errors import RETRIED, BivouacError
from bivouac.notifications import events
from bivouac.observability import MetricUnit, logger, metrics

MOST_TRIES = 3
"""How often a step is retried for its event alone; its retriers allow more, so that the step itself
decides when to give up (statemachine/)."""


@dataclass(frozen=True)
class Notifier:
    records: Records
    bus: EventBus

    def __call__(self, event: EnvironmentEvent, tries: int = MOST_TRIES) -> bool:
        """Whether the event was published. `tries`: how often the step was retried before.

        Raises if a retry may help; otherwise notes the event in the record."""
        try:
            self.bus.publish(event)
        except BivouacError as error:
            if tries < MOST_TRIES and isinstance(error, RETRIED):
                raise
            logger.warning("event not published", detailType=event.detail_type, reason=str(error))
            metrics.add_metric("EventNotTold", MetricUnit.Count, 1)
            detail = event.detail
            self.records.note_untold(detail["name"], detail["generation"], event.detail_type)
            return False
        return True

    def again(self, record: Record, detail_type: DetailType, now: datetime) -> bool:
        """Publish the record's status, and clear its note of an unpublished event."""
        published = self(events.of_record(detail_type, record, now))
        if published and record.untold:
            self.records.forget_untold(record)
        return published
