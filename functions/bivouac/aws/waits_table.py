"""Calls of the waits table: one item for each environment with a waiting execution. Plain values
go in and come out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from bivouac.aws.attributes import attribute, content
from bivouac.aws.client_types import DynamoDBClient
from bivouac.aws.errors import translated
from bivouac.json_types import Json

_POLLS = ("looker", "looksUntil")
"""Who polls now, and until when at the latest."""
_POLLS_NEXT = ("poller", "nextLookAt")
"""Who makes the next poll, and when."""


@dataclass(frozen=True)
class WaitsTable:
    client: DynamoDBClient
    name: str

    def put(self, wait: Json) -> Json:
        """The content that it replaces; empty if there was none."""
        item = attribute(wait)["M"]
        with translated(f"wait of {wait['environment']}"):
            answer = self.client.put_item(TableName=self.name, Item=item, ReturnValues="ALL_OLD")
        return content(answer.get("Attributes", {}))

    def note(
        self, environment: str, at: float, task_id: str, task_event: Json, urgent: bool
    ) -> Json | None:
        """Record an event of that time; the wait that it concerns.

        None: there is none, it began after the event, or a newer event of the task is recorded.
        An event about no task only finds the wait; an urgent one is counted as well."""
        update = "ADD alarms :one" if urgent else ""
        condition = "attribute_exists(#token) AND (attribute_not_exists(#since) OR #since <= :at)"
        names = {"#token": "token", "#since": "since"}
        values: Json = {":at": at} | ({":one": 1} if urgent else {})
        if task_id:
            update = f"SET sightings.#task = :event {update}"
            condition += (
                " AND (attribute_not_exists(sightings.#task)"
                " OR sightings.#task.version <= :version)"
            )
            names["#task"] = task_id
            values |= {":event": task_event, ":version": task_event["version"]}
        return self._update(environment, update, condition, names, values)

    def claim(
        self, environment: str, token: str, poller: str, now: float, until: float
    ) -> Json | None:
        """Claim to poll until then; None: another poller polls, or the wait is over."""
        free = "attribute_not_exists(looker) OR looker = :looker OR looksUntil < :now"
        changed = {"looker": poller, "looksUntil": until}
        return self._change(environment, token, changed, condition=free, compared={"now": now})

    def set_next_poll(
        self,
        environment: str,
        token: str,
        poller: str,
        at: float,
        late: float,
        awaited: str | None,
    ) -> Json | None:
        """Say who polls next and when. With `awaited`, a poll has ended that found this.

        None: another poller makes an earlier one that was not due before `late`, or the wait is
        over."""
        free = (
            "attribute_not_exists(poller) OR poller = :poller"
            " OR nextLookAt > :nextLookAt OR nextLookAt < :late"
        )
        found = {} if awaited is None else {"awaited": awaited}
        changed = {"poller": poller, "nextLookAt": at} | found
        return self._change(
            environment, token, changed, _POLLS if found else (), free, {"late": late}
        )

    def end_poll(self, environment: str, token: str, awaited: str, is_next: bool) -> Json | None:
        """A poll has ended that found this. `is_next`: some poller makes a next one."""
        removed = _POLLS if is_next else (*_POLLS, *_POLLS_NEXT)
        return self._change(environment, token, {"awaited": awaited}, removed)

    def current(self, environment: str, token: str) -> Json | None:
        """The wait as it is, by an update that changes nothing: not every function that polls may
        read the table. None: it is over."""
        return self._change(environment, token, {"token": token})

    def delete(self, environment: str, token: str) -> None:
        """Delete the item, unless it has another token by now."""
        with (
            translated(f"wait of {environment}"),
            suppress(self.client.exceptions.ConditionalCheckFailedException),
        ):
            self.client.delete_item(
                TableName=self.name,
                Key={"environment": {"S": environment}},
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":token": {"S": token}},
            )

    def _change(
        self,
        environment: str,
        token: str,
        changed: Json,
        removed: tuple[str, ...] = (),
        condition: str = "",
        compared: Mapping[str, float] | None = None,
    ) -> Json | None:
        """None if another wait has replaced the one of this token, or the condition is not met."""
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in changed)
        if removed:
            update += f" REMOVE {', '.join(removed)}"
        names = {f"#{name}": name for name in (*changed, "token")}
        values = {f":{name}": value for name, value in (changed | {"token": token}).items()}
        values |= {f":{name}": value for name, value in (compared or {}).items()}
        whole = f"#token = :token AND ({condition})" if condition else "#token = :token"
        return self._update(environment, update, whole, names, values)

    def _update(
        self,
        environment: str,
        update: str,
        condition: str,
        names: Mapping[str, str],
        values: Json,
    ) -> Json | None:
        """The updated item; None if the condition is not met."""
        with translated(f"wait of {environment}"):
            try:
                answer = self.client.update_item(
                    TableName=self.name,
                    Key={"environment": {"S": environment}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=attribute(values)["M"],
                    ReturnValues="ALL_NEW",
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                return None
        return content(answer["Attributes"])
