"""The waits: one for each waiting execution, with the token that resumes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bivouac import settings
from bivouac.aws import clients
from bivouac.aws.waits_table import WaitsTable
from bivouac.environment.record import packed, unpacked
from bivouac.waiting.wait import Awaited, Purpose, Signal, TaskEvent, Wait

KEPT_FOR = timedelta(days=1)
"""After this, DynamoDB removes an item that its execution left behind. Nothing relies on it
(W20)."""
LATE_SECONDS = 5.0
"""A poller this late with its next poll, or a poll that takes this long, counts as crashed."""


def waits() -> Waits:
    """The waits table of this stack."""
    return Waits(WaitsTable(clients.dynamodb(), settings.waits_table()))


@dataclass(frozen=True)
class Waits:
    table: WaitsTable

    def begin(self, wait: Wait, now: datetime, poller: str = "") -> Wait:
        """Store a token; it replaces any earlier wait of the environment.

        `poller` is about to make the first poll. The answer is the wait with what its context must
        have of the replaced one, which got no answer: since when only proofs were missing."""
        content: dict[str, Any] = {
            "environment": wait.environment,
            "generation": wait.generation,
            "token": wait.token,
            "purpose": wait.purpose,
            # Each event writes the item, and DynamoDB counts its whole size.
            "context": packed(wait.context),
            "sightings": {},
            "removeAt": int((now + KEPT_FOR).timestamp()),
        }
        if wait.since:
            content["since"] = wait.since.timestamp()
        if poller:
            content |= {"looker": poller, "looksUntil": now.timestamp() + LATE_SECONDS}
        earlier = _wait(self.table.put(content))
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
        task_event = {**signal.task_event.to_json(), "stage": signal.stage or ""}
        at = signal.at.timestamp()
        noted = self.table.note(environment, at, signal.task_id, task_event, signal.urgent)
        return _wait(noted)

    def claim(self, wait: Wait, poller: str, now: datetime) -> tuple[Wait | None, bool]:
        """The current wait (None: it is over), and whether `poller` may poll now.

        One poller polls at a time. Events that arrive meanwhile are recorded, and it polls again
        if they call for it. A poll that takes too long counts as crashed."""
        at = now.timestamp()
        claimed = self.table.claim(wait.environment, wait.token, poller, at, at + LATE_SECONDS)
        return (_wait(claimed), True) if claimed else (self._current(wait), False)

    def keep(
        self,
        wait: Wait,
        awaited: Awaited | None,
        again_after: float | None,
        poller: str,
        now: datetime,
    ) -> tuple[Wait | None, bool]:
        """Store what a poll found, and that the next one is due in so many seconds; the current
        wait, and whether `poller` makes that poll.

        This ends the poll, so another poller may start. `awaited` None: there was no poll.
        None: the wait is over. Of several pollers, the one with the earliest next poll continues,
        unless it is late, as a crashed one is."""
        of, at = (wait.environment, wait.token), now.timestamp()
        found = json.dumps(awaited.to_json()) if awaited else None
        if again_after is not None:
            late = at - LATE_SECONDS
            claimed = self.table.set_next_poll(*of, poller, at + again_after, late, found)
            if claimed:
                return _wait(claimed), True
        if found is None:
            return self._current(wait), False
        return _wait(self.table.end_poll(*of, found, again_after is not None)), False

    def _current(self, wait: Wait) -> Wait | None:
        return _wait(self.table.current(wait.environment, wait.token))

    def end(self, wait: Wait) -> None:
        """Delete the token, unless the next wait has begun."""
        self.table.delete(wait.environment, wait.token)


def poller_died(wait: Wait, now: datetime) -> bool:
    """Whether the next poll is overdue. Any function that notices takes over."""
    return wait.next_poll_at is not None and wait.next_poll_at < now.timestamp() - LATE_SECONDS


def _wait(content: Mapping[str, Any] | None) -> Wait | None:
    if not content:
        return None
    awaited = content.get("awaited")
    return Wait(
        environment=content["environment"],
        generation=int(content["generation"]),
        token=content["token"],
        purpose=Purpose(content["purpose"]),
        context=unpacked(content["context"]),
        task_events={
            task_id: TaskEvent.from_json(each) for task_id, each in content["sightings"].items()
        },
        awaited=Awaited.from_json(json.loads(awaited)) if awaited else None,
        next_poll_at=content.get("nextLookAt"),
        alarms=int(content.get("alarms", 0)),
    )
