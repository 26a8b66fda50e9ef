"""What a deleting step works on, and how one resource that cannot go does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bivouac import errors, times
from bivouac.deletion.receipt import Item, Outcome, items_from_json, step_answer
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint

PATIENCE_SECONDS = 1200
"""After this long nobody waits for what is still going; the receipt says what it waits for."""

LAST_ANSWER_SECONDS = PATIENCE_SECONDS + 2 * 150
"""By then a look has said so, and been waited for twice as long as the machines wait for one: its
answer was lost."""

NOT_OURS = "not ours: it carries no tags of this environment"

_PERMANENT = (errors.AccessDeniedError, errors.RefusedByAwsError)
"""What no repetition mends (D17); everything else ends the step and the machine tries it again."""


@dataclass
class Deletion:
    """One deleting step's view of the environment and of what it found.

    A step asks for deletions and waits for none: what it asked for is IN_PROGRESS until the last
    look finds it gone."""

    blueprint: Blueprint
    before: list[Item]
    """What this step said in an earlier round."""
    waited_seconds: float
    """Since the environment was closed."""
    now: list[Item] = field(default_factory=list)
    unseen: str = ""
    """Why this round did not see everything."""

    @classmethod
    def from_event(cls, blueprint: Blueprint, event: dict[str, Any], now: datetime) -> Deletion:
        waited = times.seconds_since(event["closedAt"], now)
        return cls(blueprint, items_from_json(event["items"]), waited)

    def owned(self, tags: dict[str, str]) -> bool:
        return naming.is_owned(tags, self.blueprint.stack, self.blueprint.environment)

    def note(self, kind: str, name: str, outcome: Outcome, reason: str = "") -> None:
        self.now.append(Item(kind, name, outcome, reason))

    def retain(self, kind: str, name: str) -> None:
        self.note(kind, name, Outcome.RETAINED, NOT_OURS)

    @contextmanager
    def attempt(self, kind: str, *names: str) -> Iterator[None]:
        """Note a permanent refusal as these resources' failure and go on with the others."""
        try:
            yield
        except _PERMANENT as error:
            for name in names:
                self.note(kind, name, Outcome.FAILED, str(error))

    @contextmanager
    def looking(self, kind: str, name: str) -> Iterator[None]:
        """The same around listing: what it did not see is not said to have gone."""
        try:
            yield
        except _PERMANENT as error:
            self.unseen = str(error)
            self.note(kind, name, Outcome.FAILED, str(error))

    @property
    def failed(self) -> bool:
        """Whether something of this round could not be asked for."""
        return any(item.outcome is Outcome.FAILED for item in self.now)

    def answer(self) -> dict[str, Any]:
        return step_answer(self.before, self.now, self.unseen)
