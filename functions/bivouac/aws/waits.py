"""The waits table: one item for each execution that waits, with the token that resumes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bivouac.aws.faults import translated
from bivouac.waiting import Awaited, Purpose, Sighting, Signal, Wait

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEPT_FOR = timedelta(days=1)
"""Until DynamoDB removes an item that its execution left behind. Nothing relies on it (W20)."""
LATE_SECONDS = 5.0
"""A poller that is so late with its next look is taken for dead."""


@dataclass(frozen=True)
class Waits:
    client: DynamoDBClient
    table_name: str

    def begin(self, wait: Wait, now: datetime) -> None:
        """Keep a token. Whatever the environment waited for before is over."""
        with translated(f"wait of {wait.environment}"):
            self.client.put_item(
                TableName=self.table_name,
                Item={
                    "environment": {"S": wait.environment},
                    "generation": {"N": str(wait.generation)},
                    "token": {"S": wait.token},
                    "purpose": {"S": wait.purpose},
                    "context": {"S": json.dumps(wait.context)},
                    "sightings": {"M": {}},
                    "removeAt": {"N": str(int((now + KEPT_FOR).timestamp()))},
                },
            )

    def note(self, environment: str, signal: Signal) -> Wait | None:
        """Remember what an event said of a task, and get who waits for it.

        None: nobody waits, or a newer event of that task came before (W01). The same event once
        more is noted again: whoever was told first may have died before it looked."""
        if not signal.task_id:
            return self._find(environment)
        update = self._update(
            environment,
            "SET sightings.#task = :sighting",
            "attribute_exists(#token) AND (attribute_not_exists(sightings.#task)"
            " OR sightings.#task.version <= :version)",
            {"#task": signal.task_id, "#token": "token"},
            {
                ":sighting": {
                    "M": {
                        "service": {"S": signal.service},
                        "stage": {"S": signal.stage or ""},
                        "version": {"N": str(signal.version)},
                    }
                },
                ":version": {"N": str(signal.version)},
            },
        )
        return _wait(update) if update else None

    def keep(
        self,
        wait: Wait,
        awaited: Awaited,
        next_look_at: datetime | None,
        poller: str,
        now: datetime,
    ) -> tuple[Wait | None, bool]:
        """Write down what a look brought; the wait as it is now, and whether `poller` is to look.

        None: the wait is over. Of several pollers, the one whose next look comes first goes on,
        unless it is late, as one that was killed is."""
        values: dict[str, Any] = {
            ":token": {"S": wait.token},
            ":awaited": {"S": json.dumps(awaited.to_json())},
        }
        assignments = "SET awaited = :awaited"
        if next_look_at is None:
            assignments += " REMOVE poller, nextLookAt"
        else:
            claimed = self._update(
                wait.environment,
                f"{assignments}, poller = :poller, nextLookAt = :next",
                "#token = :token AND (attribute_not_exists(poller) OR poller = :poller"
                " OR nextLookAt > :next OR nextLookAt < :late)",
                {"#token": "token"},
                values
                | {
                    ":poller": {"S": poller},
                    ":next": {"N": str(next_look_at.timestamp())},
                    ":late": {"N": str(now.timestamp() - LATE_SECONDS)},
                },
            )
            if claimed:
                return _wait(claimed), True
        kept = self._update(
            wait.environment, assignments, "#token = :token", {"#token": "token"}, values
        )
        return (_wait(kept) if kept else None), False

    def end(self, wait: Wait) -> None:
        """Forget the token, unless the next wait has begun."""
        with translated(f"wait of {wait.environment}"):
            try:
                self.client.delete_item(
                    TableName=self.table_name,
                    Key={"environment": {"S": wait.environment}},
                    ConditionExpression="#token = :token",
                    ExpressionAttributeNames={"#token": "token"},
                    ExpressionAttributeValues={":token": {"S": wait.token}},
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                return

    def _find(self, environment: str) -> Wait | None:
        with translated(f"wait of {environment}"):
            item = self.client.get_item(
                TableName=self.table_name,
                Key={"environment": {"S": environment}},
                ConsistentRead=True,
            ).get("Item")
        return _wait(item) if item else None

    def _update(
        self,
        environment: str,
        update: str,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> dict[str, Any] | None:
        """The item as it is afterwards; None where the condition does not hold."""
        with translated(f"wait of {environment}"):
            try:
                return dict(
                    self.client.update_item(
                        TableName=self.table_name,
                        Key={"environment": {"S": environment}},
                        UpdateExpression=update,
                        ConditionExpression=condition,
                        ExpressionAttributeNames=names,
                        ExpressionAttributeValues=values,
                        ReturnValues="ALL_NEW",
                    )["Attributes"]
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                return None


def poller_died(wait: Wait, now: datetime) -> bool:
    """Whether somebody was to look by now, and did not: whoever sees it takes his place."""
    return wait.next_look_at is not None and wait.next_look_at < now.timestamp() - LATE_SECONDS


def _wait(item: dict[str, Any]) -> Wait:
    return Wait(
        environment=item["environment"]["S"],
        generation=int(item["generation"]["N"]),
        token=item["token"]["S"],
        purpose=Purpose(item["purpose"]["S"]),
        context=json.loads(item["context"]["S"]),
        sightings={
            task_id: Sighting.from_json(
                {name: next(iter(value.values())) for name, value in content["M"].items()}
            )
            for task_id, content in item["sightings"]["M"].items()
        },
        awaited=Awaited.from_json(json.loads(item["awaited"]["S"])) if "awaited" in item else None,
        next_look_at=float(item["nextLookAt"]["N"]) if "nextLookAt" in item else None,
    )
