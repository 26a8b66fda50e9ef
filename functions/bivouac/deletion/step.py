"""The state of a deleting step; a resource that cannot be deleted does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bivouac import errors, times
from bivouac.deletion import receipt
from bivouac.deletion.receipt import Item, ItemKind, Outcome, items_from_json, step_answer
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Record
from bivouac.json_types import Json

PATIENCE_SECONDS = 1200
"""After this long, the deletion stops waiting; the receipt says what is left and why."""

LAST_ANSWER_SECONDS = PATIENCE_SECONDS + 2 * 150
"""A poll has said so by then, and the execution has waited twice as long as its machine waits for
one answer: the answer was lost."""

NOT_OURS = "not ours: it carries no tags of this environment"

_PERMANENT = (errors.AccessDeniedError, errors.RefusedByAwsError)
"""Errors that no retry fixes (D17); any other error ends the step, and the machine retries it."""


def closed(record: Record, recorded: bool, keep_schedule: bool, now: datetime) -> Json:
    """The state of a deletion before its first step, which `Deletion` reads.

    `recorded`: the record names what to delete reliably."""
    return {
        "status": "CLOSED",
        "environment": record.environment,
        "generation": record.generation,
        "closedAt": times.timestamp(now),
        "deadline": times.timestamp(now + timedelta(seconds=LAST_ANSWER_SECONDS)),
        "recorded": recorded,
        "keepSchedule": keep_schedule,
        **receipt.begun(),
    }


@dataclass
class Deletion:
    """One deleting step's environment and items.

    A step requests deletions and waits for none: its items are IN_PROGRESS until the last poll
    finds them gone."""

    blueprint: Blueprint
    before: list[Item]
    """This step's items of an earlier round."""
    waited_seconds: float
    """Since the environment was closed."""
    now: list[Item] = field(default_factory=list)
    unseen: str = ""
    """Why this round could not list everything."""

    @classmethod
    def from_event(cls, blueprint: Blueprint, event: dict[str, Any], now: datetime) -> Deletion:
        waited = times.seconds_since(event["closedAt"], now)
        return cls(blueprint, items_from_json(event["items"]), waited)

    def note(self, kind: ItemKind, name: str, outcome: Outcome, reason: str = "") -> None:
        self.now.append(Item(kind, name, outcome, reason))

    def may_delete(self, kind: ItemKind, name: str, tags: Mapping[str, str] | None) -> bool:
        """Otherwise it is gone (`tags` is None) or not ours, and is noted as that."""
        if tags is None:
            self.note(kind, name, Outcome.ALREADY_GONE)
        elif not self.blueprint.owns(tags):
            self.note(kind, name, Outcome.RETAINED, NOT_OURS)
        else:
            return True
        return False

    @contextmanager
    def attempt(self, kind: ItemKind, *names: str) -> Iterator[None]:
        """Note a permanent refusal as these resources' failure, and go on with the others."""
        try:
            yield
        except _PERMANENT as error:
            for name in names:
                self.note(kind, name, Outcome.FAILED, str(error))

    @contextmanager
    def listing(self, kind: ItemKind, name: str, *, several: bool = False) -> Iterator[None]:
        """The same for listing: what could not be listed does not count as gone. `several`: the
        name is none of what is listed."""
        try:
            yield
        except _PERMANENT as error:
            self.unseen = str(error)
            self.now.append(Item(kind, name, Outcome.FAILED, self.unseen, several))

    def answer(self) -> dict[str, Any]:
        return step_answer(self.before, self.now, self.unseen)
