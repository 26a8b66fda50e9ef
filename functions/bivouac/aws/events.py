"""The stack's event bus, on which others hear what became of their environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bivouac.aws.faults import classify, translated
from bivouac.events import SOURCE, EnvironmentEvent

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient


@dataclass(frozen=True)
class EventBus:
    client: EventBridgeClient
    name: str

    def publish(self, event: EnvironmentEvent) -> None:
        """Put one event on the bus; whoever repeats it, repeats its id.

        PutEvents answers 200 also for an entry that it did not take (W04), so that is looked at.
        Raises ThrottledError and UnavailableError, which are worth another try, and others."""
        told = f"{event.detail_type} of {event.detail['environment']}"
        with translated(f"event {told}"):
            answer = self.client.put_events(
                Entries=[
                    {
                        "EventBusName": self.name,
                        "Source": SOURCE,
                        "DetailType": event.detail_type,
                        "Detail": event.text,
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            (entry,) = answer["Entries"]
            code, message = entry.get("ErrorCode", ""), entry.get("ErrorMessage", "")
            error = classify("PutEvents", code, message, 200)
            raise error(f"event {told}: PutEvents did not take it: {code}: {message}")
