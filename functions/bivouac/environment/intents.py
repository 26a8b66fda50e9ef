"""What somebody wants of an environment, and which of two wants came later. Pure.

Events are delivered at least once and in any order (W01), so none counts by when it arrives. An
intent has the moment in which it was meant and an id. The newest one about the same matter holds,
whichever is seen first, and the same one twice is one (docs/decisions/0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from bivouac import times

LIFECYCLE = "life"
"""Whether the environment is to be: creating it and deleting it."""
POWER = "rest"
"""Whether it is to run: waking it and putting it to sleep."""


CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""An intent of a later moment than this from now would hold against everything until then."""


class Verb(StrEnum):
    """What the execution that holds an environment does to it."""

    CREATE = "CREATE"
    REDEPLOY = "REDEPLOY"
    ROLL_BACK = "ROLL_BACK"
    """Back to the last request that was proven."""
    WAKE = "WAKE"
    SLEEP = "SLEEP"
    DELETE = "DELETE"


@dataclass(frozen=True, order=True)
class Intent:
    at: datetime
    """When it was meant: the event's time, the schedule's, or the start of the execution."""
    id: str
    """Of two in the same moment, the greater one holds: any order will do, if all have the same."""

    def to_json(self) -> dict[str, str]:
        return {"at": self.at.isoformat(), "id": self.id}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Raises ValueError for a moment without an offset."""
        return cls(times.moment(content["at"]), content["id"])


Intents = Mapping[str, Intent]
"""By matter: the newest intent that an environment has followed. What each service runs is a matter
of its own; its newest intent stands with the change (redeployment.py)."""


def is_outdated(intents: Intents, matter: str, intent: Intent) -> bool:
    """A newer one was followed, or this one itself. What came before a creation or a deletion is
    over with it, whatever it is about."""
    return any(
        known is not None and intent <= known
        for known in (intents.get(matter), intents.get(LIFECYCLE))
    )


def followed(intents: Intents, matters: Iterable[str], intent: Intent) -> dict[str, Intent]:
    """With this one as the newest about these matters."""
    return {**intents, **dict.fromkeys(matters, intent)}
