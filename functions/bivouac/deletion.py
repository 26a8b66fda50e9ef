"""What a deleting step works on, and how one resource that cannot go does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bivouac import errors, lease, naming, pace
from bivouac.blueprint import Blueprint
from bivouac.receipt import Item, Outcome, items_from_json, step_answer

PATIENCE_SECONDS = 1200
"""After this long a resource that is still going counts as failed, with what it waits for."""

_PERMANENT = (errors.AccessDeniedError, errors.RefusedByAwsError)
"""What no repetition mends (D17); everything else ends the step and the machine tries it again."""


@dataclass
class Deletion:
    """One deleting step's view of the environment and of what it found."""

    blueprint: Blueprint
    before: list[Item]
    wait_seconds: int
    waited_seconds: float
    """Since the environment was closed."""
    now: list[Item] = field(default_factory=list)
    unseen: str = ""
    """Why this look did not see everything."""

    @classmethod
    def from_event(
        cls, blueprint: Blueprint, event: dict[str, Any], now: datetime, wait_seconds: int
    ) -> Deletion:
        waited = lease.seconds_since(event["closedAt"], now)
        return cls(blueprint, items_from_json(event["items"]), wait_seconds, waited)

    def owned(self, tags: dict[str, str]) -> bool:
        return naming.is_owned(tags, self.blueprint.stack, self.blueprint.environment)

    def note(self, kind: str, name: str, outcome: Outcome, reason: str = "") -> None:
        if outcome is Outcome.IN_PROGRESS and self.waited_seconds > PATIENCE_SECONDS:
            outcome = Outcome.FAILED
            reason = f"still there after {PATIENCE_SECONDS // 60} minutes: {reason or 'going'}"
        self.now.append(Item(kind, name, outcome, reason))

    def retain(self, kind: str, name: str) -> None:
        self.note(kind, name, Outcome.RETAINED, "not ours: it carries no tags of this environment")

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

    def answer(self) -> dict[str, Any]:
        pause = pace.while_it_goes(self.wait_seconds, self.waited_seconds)
        return step_answer(self.before, self.now, pause, self.unseen)
