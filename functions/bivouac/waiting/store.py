"""The waits table: one item for each waiting execution, with the token that resumes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bivouac.aws.waits_table import WaitsTable
from bivouac.environment.record import packed, unpacked
from bivouac.waiting.wait import Awaited, Purpose, Signal, TaskEvent, Wait

KEPT_FOR = timedelta(days=1)
"""After this, DynamoDB removes an item that its execution left behind. Nothing relies on it
(W20)."""
LATE_SECONDS = 5.0
"""A poller this late with its next poll, or a poll that takes this long, counts as crashed."""


@dataclass(frozen=True)
class Waits:
    table: WaitsTable

    def begin(self, wait: Wait, now: datetime, poller: str = "") -> Wait:
        """Store a token; it replaces any earlier wait of the environment.

        `poller` is about to make the first poll. The answer is the wait with what its context must
        have of the replaced one, which got no answer: since when only proofs were missing."""
        item: dict[str, Any] = {
            "environment": {"S": wait.environment},
            "generation": {"N": str(wait.generation)},
            "token": {"S": wait.token},
            "purpose": {"S": wait.purpose},
            # Each event writes the item, and DynamoDB counts its whole size.
            "context": {"S": packed(wait.context)},
            "sightings": {"M": {}},
            "removeAt": {"N": str(int((now + KEPT_FOR).timestamp()))},
        }
        if wait.since:
            item["since"] = {"N": str(wait.since.timestamp())}
        if poller:
            item |= {"looker": {"S": poller}, "looksUntil": _polls_until(now)}
        replaced = self.table.put(item)
        earlier = _wait(replaced) if replaced else None
        if earlier is None or not earlier.awaited or earlier.generation != wait.generation:
            return wait
        since = earlier.awaited.healthy_since
        return replace(wait, context={**wait.context, "healthySince": since})

    def note(self, environment: str, signal: Signal) -> Wait | None:
        """Record what an event says about a task; the wait that it concerns.

        None: no execution waits, the waiting one took the environment after the event, or a newer
        event of the task is already recorded (W01). A repeated event is recorded again: the first
        receiver may have crashed before it polled. An urgent event also counts as an alarm, which
        no poller may overlook."""
        update = ""
        condition = "attribute_exists(#token) AND (attribute_not_exists(#since) OR #since <= :at)"
        names = {"#token": "token", "#since": "since"}
        values: dict[str, Any] = {":at": {"N": str(signal.at.timestamp())}}
        if signal.task_id:
            update = "SET sightings.#task = :sighting"
            condition += (
                " AND (attribute_not_exists(sightings.#task)"
                " OR sightings.#task.version <= :version)"
            )
            names["#task"] = signal.task_id
            values[":version"] = {"N": str(signal.version)}
            values[":sighting"] = {
                "M": {
                    "service": {"S": signal.service},
                    "stage": {"S": signal.stage or ""},
                    "version": {"N": str(signal.version)},
                }
            }
        if signal.urgent:
            update += " ADD alarms :one"
            values[":one"] = {"N": "1"}
        noted = self.table.update(environment, update, condition, names, values)
        return _wait(noted) if noted else None

    def claim(self, wait: Wait, poller: str, now: datetime) -> tuple[Wait | None, bool]:
        """The current wait (None: it is over), and whether `poller` may poll now.

        One poller polls at a time. Events that arrive meanwhile are recorded, and it polls again
        if they call for it. A poll that takes too long counts as crashed."""
        claimed = self._where_token(
            wait,
            "SET looker = :looker, looksUntil = :until",
            {
                ":looker": {"S": poller},
                ":until": _polls_until(now),
                ":now": {"N": str(now.timestamp())},
            },
            " AND (attribute_not_exists(looker) OR looker = :looker OR looksUntil < :now)",
        )
        return (claimed, True) if claimed else (self._still(wait), False)

    def keep(
        self,
        wait: Wait,
        awaited: Awaited,
        next_poll_at: datetime | None,
        poller: str,
        now: datetime,
    ) -> tuple[Wait | None, bool]:
        """Store the result of a poll; the current wait, and whether `poller` makes the next poll.

        This ends the poll, so another poller may start. None: the wait is over. Of several pollers,
        the one with the earliest next poll continues, unless it is late, as a crashed one is."""
        assignment, over = "awaited = :awaited", " REMOVE looker, looksUntil"
        values = {":awaited": {"S": json.dumps(awaited.to_json())}}
        if next_poll_at is not None:
            claimed = self._postponed(wait, next_poll_at, poller, now, assignment, over, values)
            if claimed:
                return claimed, True
        else:
            over += ", poller, nextLookAt"
        return self._where_token(wait, f"SET {assignment}{over}", values), False

    def postpone(
        self, wait: Wait, next_poll_at: datetime, poller: str, now: datetime
    ) -> tuple[Wait | None, bool]:
        """The same without a poll: only the next poll is stored."""
        if claimed := self._postponed(wait, next_poll_at, poller, now):
            return claimed, True
        return self._still(wait), False

    def _postponed(
        self,
        wait: Wait,
        next_poll_at: datetime,
        poller: str,
        now: datetime,
        assignment: str = "",
        over: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Wait | None:
        assignments = ", ".join(filter(None, (assignment, "poller = :poller, nextLookAt = :next")))
        return self._where_token(
            wait,
            f"SET {assignments}{over}",
            {
                **(values or {}),
                ":poller": {"S": poller},
                ":next": {"N": str(next_poll_at.timestamp())},
                ":late": {"N": str(now.timestamp() - LATE_SECONDS)},
            },
            " AND (attribute_not_exists(poller) OR poller = :poller"
            " OR nextLookAt > :next OR nextLookAt < :late)",
        )

    def _still(self, wait: Wait) -> Wait | None:
        """The current wait, by an update that changes nothing: not every function that polls may
        read the table."""
        return self._where_token(wait, "SET #token = :token", {})

    def _where_token(
        self, wait: Wait, update: str, values: dict[str, Any], more: str = ""
    ) -> Wait | None:
        """The updated wait; None if another one has replaced it, or the condition fails."""
        updated = self.table.update(
            wait.environment,
            update,
            f"#token = :token{more}",
            {"#token": "token"},
            {**values, ":token": {"S": wait.token}},
        )
        return _wait(updated) if updated else None

    def end(self, wait: Wait) -> None:
        """Delete the token, unless the next wait has begun."""
        self.table.delete(wait.environment, wait.token)


def poller_died(wait: Wait, now: datetime) -> bool:
    """Whether the next poll is overdue. Any function that notices takes over."""
    return wait.next_poll_at is not None and wait.next_poll_at < now.timestamp() - LATE_SECONDS


def _polls_until(now: datetime) -> dict[str, str]:
    return {"N": str(now.timestamp() + LATE_SECONDS)}


def _wait(item: dict[str, Any]) -> Wait:
    return Wait(
        environment=item["environment"]["S"],
        generation=int(item["generation"]["N"]),
        token=item["token"]["S"],
        purpose=Purpose(item["purpose"]["S"]),
        context=unpacked(item["context"]["S"]),
        task_events={
            task_id: TaskEvent.from_json(
                {name: next(iter(value.values())) for name, value in content["M"].items()}
            )
            for task_id, content in item["sightings"]["M"].items()
        },
        awaited=Awaited.from_json(json.loads(item["awaited"]["S"])) if "awaited" in item else None,
        next_poll_at=float(item["nextLookAt"]["N"]) if "nextLookAt" in item else None,
        alarms=int(item["alarms"]["N"]) if "alarms" in item else 0,
    )
