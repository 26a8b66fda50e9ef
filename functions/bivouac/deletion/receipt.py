"""The outcome for every resource of a deletion, as its execution's state holds it. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bivouac import times
from bivouac.aws.lambda_answers import message_of
from bivouac.aws.stepfunctions_answers import caught
from bivouac.environment.record import Status
from bivouac.json_types import Json


class Outcome(StrEnum):
    DELETED = "DELETED"
    ALREADY_GONE = "ALREADY_GONE"
    DELETING = "DELETING"
    """AWS completes it by itself: task definitions stay in DELETE_IN_PROGRESS (T12)."""
    IN_PROGRESS = "IN_PROGRESS"
    """Requested; the last poll shows whether it is gone."""
    RETAINED = "RETAINED"
    """Not ours, or not to be deleted; the reason says which."""
    FAILED = "FAILED"


class ItemKind(StrEnum):
    """The kinds of resources in a receipt, besides the schedules (ScheduleKind)."""

    SERVICE = "service"
    TASK = "task"
    STRAY_TASK = "stray task"
    """A task in our cluster that belongs to no service of it."""
    NAMESPACE = "namespace"
    CLOUD_MAP_SERVICE = "Cloud Map service"
    CLUSTER = "cluster"
    TASK_DEFINITION = "task definition"
    LOG_GROUP = "log group"
    LAST_CHECK = "last check"
    """Not a resource: nobody knows what is left."""


@dataclass(frozen=True)
class Item:
    kind: str
    """An ItemKind or a ScheduleKind."""
    name: str
    outcome: Outcome
    reason: str = ""
    several: bool = False
    """Whether it stands for several, and its name is none of theirs: those that were only counted
    (see `bounded`), or all that a failed step did not list."""

    def to_json(self) -> Json:
        content = {**asdict(self), "reason": self.reason[:REASON_LIMIT]}
        return {key: value for key, value in content.items() if value}


RECEIPT_LIMIT = 45_000
"""Bytes of a receipt's items as JSON; a record holds one receipt."""
PART_LIMIT = 28_000
"""Bytes of one deletion step's answer; an execution's state holds six of them."""
REASON_LIMIT = 600


def bounded(items: Sequence[Item], limit: int) -> list[Item]:
    """The items unchanged if they fit; otherwise as many as fit, those that failed or are in
    progress first, and the number of the others by kind and outcome."""
    if _bytes(items) <= limit:
        return list(items)
    first = (Outcome.FAILED, Outcome.IN_PROGRESS)
    ordered = sorted(items, key=lambda item: item.outcome not in first)
    more = Counter((item.kind, item.outcome) for item in items)
    kept: list[Item] = []
    size = 0
    for item in ordered:
        left = more - Counter([(item.kind, item.outcome)])
        size += _bytes([item])
        if size + _bytes(_counted(left)) > limit:
            break
        kept.append(item)
        more = left
    return [*kept, *_counted(more)]


def _counted(more: Mapping[tuple[str, Outcome], int]) -> list[Item]:
    return [
        Item(kind, f"and {count} more", outcome, several=True)
        for (kind, outcome), count in more.items()
    ]


def _bytes(items: Sequence[Item]) -> int:
    return sum(len(json.dumps(item.to_json(), ensure_ascii=False).encode()) + 2 for item in items)


def items_from_json(content: Iterable[Mapping[str, Any]]) -> list[Item]:
    return [
        Item(
            entry["kind"],
            entry["name"],
            Outcome(entry["outcome"]),
            entry.get("reason", ""),
            entry.get("several", False),
        )
        for entry in content
    ]


def begun() -> Json:
    """The receipt's part of an execution's state before the first step."""
    nothing: list[Json] = []
    return {
        "services": {"items": nothing, "names": [], "namespaceId": None},
        "used": {
            "namespace": {"items": nothing, "operationId": None},
            "taskDefinitions": {"items": nothing, "thorough": True},
            "logGroups": {"items": nothing},
        },
        "cluster": {"items": nothing},
        "lastCheck": {"rounds": 0},
    }


def final_items(state: Json) -> list[Item]:
    """The items of the steps, after the last check."""
    said: list[Item] = []
    for part in (state["services"], *state["used"].values(), state["cluster"]):
        said += [replace(item, reason=_reason(item)) for item in items_from_json(part["items"])]
    check = state["lastCheck"]
    unanswered = "quiet" in check  # its other fields are from an earlier round
    if "items" in check and not unanswered:
        return concluded(said, items_from_json(check["items"]))
    error, cause = caught(check)
    reason = f"the last check failed: {error}: {message_of(cause)}"
    if unanswered:
        reason = "no answer of the last check reached the execution"
    unseen = Item(ItemKind.LAST_CHECK, state["environment"], Outcome.FAILED, reason)
    return merged(said, [unseen], unseen=reason)


def _reason(item: Item) -> str:
    """A step that failed without a cause timed out (stepfunctions_answers.caught)."""
    if item.outcome is Outcome.FAILED and not item.reason:
        return "the step timed out"
    return message_of(item.reason)


def nothing_was_deleted(items: Iterable[Item]) -> bool:
    return all(item.outcome in (Outcome.ALREADY_GONE, Outcome.DELETING) for item in items)


def merged(before: Sequence[Item], now: Sequence[Item], unseen: str = "") -> list[Item]:
    """Newer items replace older ones, but what this deletion deleted stays DELETED.

    An item that is absent from the newer ones is gone: DELETED, if it was in progress. `unseen`:
    why the newer ones are incomplete; absence then proves nothing."""
    result = {_key(item): item for item in before}
    seen = {_key(item) for item in now}
    for key, item in result.items():
        if key not in seen:
            result[key] = _absent(item, unseen)
    for item in now:
        known = result.get(_key(item)) if item.outcome is Outcome.ALREADY_GONE else None
        result[_key(item)] = _absent(known) if known else item
    return list(result.values())


def _key(item: Item) -> tuple[str, str]:
    return item.kind, item.name


def _absent(item: Item, unseen: str = "") -> Item:
    """`unseen`: why it may only not have been seen."""
    match item.outcome:
        case Outcome.IN_PROGRESS if unseen:
            reason = f"its deletion had begun, but could not be checked: {unseen}"
            return replace(item, outcome=Outcome.FAILED, reason=reason)
        case Outcome.IN_PROGRESS:
            return replace(item, outcome=Outcome.DELETED, reason="")
        case Outcome.FAILED if not unseen:
            return replace(item, outcome=Outcome.ALREADY_GONE, reason="")
        case _:
            return item


def step_answer(before: Sequence[Item], now: Sequence[Item], unseen: str = "") -> dict[str, Any]:
    """A deleting step's answer: its items so far, and whether any is still in progress."""
    items = merged(before, now, unseen)
    going = any(item.outcome is Outcome.IN_PROGRESS for item in items)
    return {
        "status": "IN_PROGRESS" if going else "DONE",
        "items": [item.to_json() for item in bounded(items, PART_LIMIT)],
    }


def concluded(said: Sequence[Item], last_poll: Sequence[Item]) -> list[Item]:
    """The final outcomes, from what the steps said and from what the last poll found, which counts
    more.

    An item in progress that is not found was deleted. An item that failed but is not found is gone
    all the same, unless the poll found other failures: then it may not show everything."""
    found = {_key(item): item for item in last_poll}
    clean = not failures(last_poll)
    result = {_key(item): _ended(item, found.get(_key(item)), clean) for item in said}
    return [*result.values(), *(item for key, item in found.items() if key not in result)]


def _ended(said: Item, found: Item | None, clean: bool) -> Item:
    failed = said.outcome is Outcome.FAILED
    if found is not None and found.outcome is Outcome.FAILED:
        reason = ": ".join(part for part in (found.reason, said.reason) if part)
        return said if failed else replace(said, outcome=Outcome.FAILED, reason=reason)
    return said if failed and not clean else _absent(said)


def failures(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if item.outcome is Outcome.FAILED]


def of(environment: str, status: Status, items: Sequence[Item], now: datetime) -> Json:
    """The receipt, as the record has it."""
    return {
        "environment": environment,
        "status": status,
        "at": times.timestamp(now),
        "items": [item.to_json() for item in bounded(items, RECEIPT_LIMIT)],
    }
