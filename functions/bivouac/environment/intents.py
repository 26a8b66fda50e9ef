"""Orders requests by intended time. Pure.

Events are delivered at least once and in any order (W01), so their order of arrival means nothing.
An intent has the time at which it was meant, and an id. The newest intent about a matter holds,
whichever arrives first, and repeating it changes nothing (docs/decisions/0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from bivouac import times

LIFECYCLE = "life"
"""Whether the environment should exist: creating it and deleting it."""
POWER = "rest"
"""Whether it should run: waking it and putting it to sleep."""


CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""An intent from further in the future is refused: it would win against everything until then."""


class Verb(StrEnum):
    """What the execution that holds an environment does with it."""

    CREATE = "CREATE"
    REDEPLOY = "REDEPLOY"
    ROLL_BACK = "ROLL_BACK"
    """Back to the last proven request."""
    WAKE = "WAKE"
    SLEEP = "SLEEP"
    DELETE = "DELETE"


@dataclass(frozen=True, order=True)
class Intent:
    at: datetime
    """When it was meant: the event's time, the schedule's, or the start of the execution."""
    id: str
    """Of two at the same time, the greater id wins: any order will do, if it is always the same."""

    def to_json(self) -> dict[str, str]:
        return {"at": self.at.isoformat(), "id": self.id}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Raises ValueError for a time without an offset."""
        return cls(times.moment(content["at"]), content["id"])


Intents = Mapping[str, Intent]
"""By matter: the newest intent that an environment has followed. What each service runs is another
matter; its intents are in the changes (service_changes.py)."""


def is_outdated(intents: Intents, matter: str, intent: Intent) -> bool:
    """Whether this intent or a newer one was already followed. A creation or a deletion outdates
    everything before it, whatever it is about."""
    return any(
        known is not None and intent <= known
        for known in (intents.get(matter), intents.get(LIFECYCLE))
    )


def followed(intents: Intents, matters: Iterable[str], intent: Intent) -> dict[str, Intent]:
    """The intents, with this one as the newest about these matters."""
    return {**intents, **dict.fromkeys(matters, intent)}
