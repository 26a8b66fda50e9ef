"""Whether the stack may be changed or deleted, and how CloudFormation is told. Pure.

Without the stack nothing would ever delete its environments: the schedules and the executions go
with it. CloudFormation's user guide, "Custom resource request and response reference".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ANSWER_LIMIT = 4096
"""Bytes of the whole answer."""
_REASON_LIMIT = 2_000
"""Bytes of the reason as JSON; ids of stack and request take their part of the answer."""
_PART_LIMIT = 950
"""Of each of the two that a reason consists of."""
PHYSICAL_ID = "environments-guard"
"""Always the same: another one would mean that the resource was replaced, and delete the first."""


def refusal_of_deletion(environments: Sequence[str], delete_state_machine_arn: str) -> str:
    """Why the stack is not deleted while these environments live; empty where there is none."""
    if not environments:
        return ""
    first, *_ = named = sorted(environments)
    return _listing(
        f"{len(named)} environment{'s' if len(named) > 1 else ''} would be left behind. Delete "
        f"each, wait for its receipt, then delete the stack again: aws stepfunctions "
        f"start-execution --state-machine-arn {delete_state_machine_arn} --input "
        f"'{json.dumps({'environment': first})}'. They are: ",
        named,
    )


def refusal_of_references(references: Mapping[str, Iterable[str]]) -> str:
    """Why the stack is not deleted while rules of these security groups name groups of it; empty
    where there is none. EC2 keeps a group that is named, and that only shows when most of the stack
    is gone."""
    if not references:
        return ""
    return _listing(
        f"{len(references)} security group{'s have' if len(references) > 1 else ' has'} rules that "
        "name a group of this stack, and EC2 deletes no group that is named. Remove these rules "
        "first, then delete the stack again. They are: ",
        [f"{group} (names {', '.join(sorted(references[group]))})" for group in sorted(references)],
    )


def _listing(told: str, items: Sequence[str]) -> str:
    """As many of the items as there is room for."""
    for number, item in enumerate(items):
        more = f"{', ' if number else ''}{item}"
        rest = f" and {len(items) - number} more"
        if len(told) + len(more) + len(rest) > _PART_LIMIT:
            return told + rest
        told += more
    return told


def refusal_of_update(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Why the stack is not updated; empty where it may be. Everything is named after the prefix."""
    old, new = before.get("NamePrefix"), now.get("NamePrefix")
    if old == new:
        return ""
    return (
        f"NamePrefix cannot change from {old} to {new}: nothing would find what is named "
        f"{old}-*. Deploy another stack instead"
    )


def answer(event: Mapping[str, Any], refusal: str) -> bytes:
    """The body of the answer: SUCCESS, or FAILED with the reason."""
    content = {
        "Status": "FAILED" if refusal else "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId") or PHYSICAL_ID,
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    if refusal:
        content["Reason"] = _shortened(refusal)
    return json.dumps(content).encode()


def _shortened(text: str) -> str:
    while len(json.dumps(text)) > _REASON_LIMIT:
        text = text[: len(text) * 3 // 4]
    return text
