"""The stack's event bus, on which Bivouac publishes events about environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bivouac.aws.client_types import EventBridgeClient
from bivouac.aws.errors import classify, translated
from bivouac.aws.listing import batches
from bivouac.environment.event import SOURCE, EnvironmentEvent

EVENTS_A_CALL = 10
"""The maximum of PutEvents."""


@dataclass(frozen=True)
class EventBus:
    client: EventBridgeClient
    name: str

    def publish(self, *events: EnvironmentEvent) -> None:
        """Put events on the bus; a repeated event has the same id."""
        for batch in batches(events, EVENTS_A_CALL):
            self._publish(batch)

    def _publish(self, events: Sequence[EnvironmentEvent]) -> None:
        """PutEvents answers 200 even if it rejects an entry (W04), so each entry is checked.
        Raises ThrottledError and UnavailableError, which a retry may solve, and others."""
        subject = ", ".join(f"{event.detail_type} of {event.detail['name']}" for event in events)
        with translated(f"event {subject}"):
            answer = self.client.put_events(
                Entries=[
                    {
                        "EventBusName": self.name,
                        "Source": SOURCE,
                        "DetailType": event.detail_type,
                        "Detail": event.text,
                    }
                    for event in events
                ]
            )
        if answer["FailedEntryCount"]:
            entry = next(each for each in answer["Entries"] if each.get("ErrorCode"))
            code, message = entry.get("ErrorCode", ""), entry.get("ErrorMessage", "")
            error = classify("PutEvents", code, message, 200)
            raise error(f"event {subject}: PutEvents rejected it: {code}: {message}")
