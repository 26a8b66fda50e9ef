"""An environment's life step by step, with each answer, state and item measured against its
limit."""

from __future__ import annotations

import json
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType

from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Intent, Verb
from bivouac.request.rules.limits import Largest, record_size
from localcloud.moto_changes.item_sizes import item_size
from tests.functional.account import TABLE, WAITS_TABLE, BivouacAccount
from tests.functional.machines import Event, Machines

STATE, ITEM = 262_144, 409_600
"""Bytes (quotas of Step Functions and of DynamoDB)."""


def size(content: Any) -> int:
    return len(json.dumps(content).encode())


class Measured(Machines):
    """Records the largest input, answer, state and item."""

    largest_state = 0
    largest_items: dict[str, int]

    def _step(self, function: str, event: Event) -> Event:
        answer = super()._step(function, event)
        return self._noted(event, answer)

    def _wait(self, purpose: str, held: Event, context: Event, patience: float) -> Event | None:
        answer = super()._wait(purpose, held, context, patience)
        return self._noted(context, answer)

    def _tell(self) -> None:
        super()._tell()
        self._note_item(WAITS_TABLE)

    def _noted(self, event: Event, answer: Any) -> Any:
        """A state holds a step's input and its answer, unless the answer replaces the input."""
        both = (size(event), size(answer))
        replaced = self.states[-1] in ("check_request", "open_environment")
        self.largest_state = max(self.largest_state, max(both) if replaced else sum(both))
        self._note_item(TABLE)
        return answer

    def _note_item(self, table: str) -> None:
        key = {"environment": {"S": "demo"}}
        item = self.account.client("dynamodb").get_item(TableName=table, Key=key).get("Item", {})
        found = item_size({name: DynamoType(value) for name, value in item.items()})
        self.largest_items[table] = max(self.largest_items.get(table, 0), found)


def is_proven_and_deleted_within_the_limits(account: BivouacAccount, request: Event) -> None:
    """And nothing is larger than what was counted when the request was planned."""
    blueprint = account.planned(request)
    counted = Largest(blueprint)
    machines = Measured(account)
    machines.largest_items = {}

    ready = machines.create(request)
    assert ready["status"] == "READY"
    assert size(ready) <= size(counted.output)
    assert machines.largest_state < STATE
    assert machines.largest_items[WAITS_TABLE] <= counted.wait_item

    receipt = machines.delete({"environment": "demo"})
    assert receipt["status"] == "DELETED"
    assert machines.largest_state < STATE
    instruction = Instruction(Verb.CREATE, Intent(account.now(), ""), 0, "", "", {}, there=False)
    assert machines.largest_items[TABLE] <= record_size(blueprint, instruction, None)
    assert record_size(blueprint, instruction, None) < ITEM
