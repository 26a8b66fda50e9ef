"""The waits table: one item for each environment with a waiting execution, with the token that
resumes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bivouac.aws.attributes import attribute, content
from bivouac.aws.client_types import DynamoDBClient
from bivouac.aws.errors import translated
from bivouac.environment.record import packed, unpacked
from bivouac.json_types import Json
from bivouac.waiting.wait import LATE_SECONDS, Awaited, Purpose, Signal, TaskEvent, Wait

KEPT_FOR = timedelta(days=1)
"""After this, DynamoDB removes an item that its execution left behind. Nothing relies on it
(W20)."""
_POLLS = ("looker", "looksUntil")
"""Who polls now, and until when at the latest."""
_POLLS_NEXT = ("poller", "nextLookAt")
"""Who makes the next poll, and when."""


@dataclass(frozen=True)
class Waits:
    client: DynamoDBClient
    table_name: str

    def begin(self, wait: Wait, now: datetime, poller: str = "") -> Wait:
        """Store a token; it replaces any earlier wait of the environment.

        `poller` is about to make the first poll. The answer is the wait with what its context must
        have of the replaced one, which got no answer: since when only proofs were missing."""
        item: Json = {
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
            item["since"] = wait.since.timestamp()
        if poller:
            item |= {"looker": poller, "looksUntil": now.timestamp() + LATE_SECONDS}
        with translated(f"wait of {wait.environment}"):
            replaced = self.client.put_item(
                TableName=self.table_name, Item=attribute(item)["M"], ReturnValues="ALL_OLD"
            ).get("Attributes")
        earlier = _wait(replaced) if replaced else None
        if earlier is None or not earlier.awaited or earlier.generation != wait.generation:
            return wait
        since = earlier.awaited.healthy_since
        return replace(wait, context={**wait.context, "healthySince": since})

    def note(self, environment: str, signal: Signal) -> Wait | None:
        """Record what an event says about a task; the wait that it concerns.

        None: no execution waits, the waiting one took the environment after the event, or a newer
        event of the task is already recorded (W01). A repeated event is recorded again: the first
        receiver may have crashed before it polled. An event about no task only finds the wait. An
        urgent event also counts as an alarm, which no poller may overlook."""
        update = "ADD alarms :one" if signal.urgent else ""
        condition = "attribute_exists(#token) AND (attribute_not_exists(#since) OR #since <= :at)"
        names = {"#token": "token", "#since": "since"}
        values: Json = {":at": signal.at.timestamp()} | ({":one": 1} if signal.urgent else {})
        if signal.task_id:
            update = f"SET sightings.#task = :event {update}"
            condition += (
                " AND (attribute_not_exists(sightings.#task)"
                " OR sightings.#task.version <= :version)"
            )
            names["#task"] = signal.task_id
            values |= {":event": signal.task_event.to_json(), ":version": signal.version}
        return self._update(environment, update, condition, names, values)

    def claim(self, wait: Wait, poller: str, now: datetime) -> tuple[Wait | None, bool]:
        """The current wait (None: it is over), and whether `poller` may poll now.

        One poller polls at a time. Events that arrive meanwhile are recorded, and it polls again
        if they call for it. A poll that takes too long counts as crashed."""
        at = now.timestamp()
        free = "attribute_not_exists(looker) OR looker = :looker OR looksUntil < :now"
        changed = {"looker": poller, "looksUntil": at + LATE_SECONDS}
        claimed = self._change(wait, changed, condition=free, compared={"now": at})
        return (claimed, True) if claimed else (self._current(wait), False)

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
        found: Json = {"awaited": json.dumps(awaited.to_json())} if awaited else {}
        ended = _POLLS if awaited else ()
        if again_after is not None:
            earliest = (
                "attribute_not_exists(poller) OR poller = :poller"
                " OR nextLookAt > :nextLookAt OR nextLookAt < :late"
            )
            at = now.timestamp()
            changed = found | {"poller": poller, "nextLookAt": at + again_after}
            late = {"late": at - LATE_SECONDS}
            if kept := self._change(wait, changed, ended, earliest, late):
                return kept, True
        if awaited is None:
            return self._current(wait), False
        nobody_polls_next = () if again_after is not None else _POLLS_NEXT
        return self._change(wait, found, (*ended, *nobody_polls_next)), False

    def _current(self, wait: Wait) -> Wait | None:
        """By an update that changes nothing: not every function that polls may read the table."""
        return self._change(wait, {"token": wait.token})

    def end(self, wait: Wait) -> None:
        """Delete the token, unless the next wait has begun."""
        with (
            translated(f"wait of {wait.environment}"),
            suppress(self.client.exceptions.ConditionalCheckFailedException),
        ):
            self.client.delete_item(
                TableName=self.table_name,
                Key={"environment": {"S": wait.environment}},
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":token": {"S": wait.token}},
            )

    def _change(
        self,
        wait: Wait,
        changed: Json,
        removed: tuple[str, ...] = (),
        condition: str = "",
        compared: Mapping[str, float] | None = None,
    ) -> Wait | None:
        """None if another wait has replaced this one, or the condition is not met."""
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in changed)
        if removed:
            update += f" REMOVE {', '.join(removed)}"
        names = {f"#{name}": name for name in (*changed, "token")}
        values = {f":{name}": value for name, value in (changed | {"token": wait.token}).items()}
        values |= {f":{name}": value for name, value in (compared or {}).items()}
        whole = f"#token = :token AND ({condition})" if condition else "#token = :token"
        return self._update(wait.environment, update, whole, names, values)

    def _update(
        self,
        environment: str,
        update: str,
        condition: str,
        names: Mapping[str, str],
        values: Json,
    ) -> Wait | None:
        """The updated wait; None if the condition is not met."""
        with translated(f"wait of {environment}"):
            try:
                answer = self.client.update_item(
                    TableName=self.table_name,
                    Key={"environment": {"S": environment}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=attribute(values)["M"],
                    ReturnValues="ALL_NEW",
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                return None
        return _wait(answer["Attributes"])


def _wait(item: Mapping[str, Any]) -> Wait:
    stored = content(item)
    awaited = stored.get("awaited")
    return Wait(
        environment=stored["environment"],
        generation=int(stored["generation"]),
        token=stored["token"],
        purpose=Purpose(stored["purpose"]),
        context=unpacked(stored["context"]),
        task_events={
            task_id: TaskEvent.from_json(each) for task_id, each in stored["sightings"].items()
        },
        awaited=Awaited.from_json(json.loads(awaited)) if awaited else None,
        next_poll_at=stored.get("nextLookAt"),
        alarms=int(stored.get("alarms", 0)),
    )
