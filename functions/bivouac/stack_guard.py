"""Whether the stack may be changed or deleted, and how CloudFormation is told. Pure.

Without the stack nothing would ever delete its environments: the schedules and the executions go
with it. CloudFormation's user guide, "Custom resource request and response reference".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

ANSWER_LIMIT = 4096
"""Bytes of the whole answer."""
_REASON_LIMIT = 2_000
"""Bytes of the reason as JSON; ids of stack and request take their part of the answer."""
PHYSICAL_ID = "environments-guard"
"""Always the same: another one would mean that the resource was replaced, and delete the first."""


def refusal_of_deletion(environments: Sequence[str], delete_state_machine_arn: str) -> str:
    """Why the stack is not deleted while these environments live; empty where there is none."""
    if not environments:
        return ""
    first, *_ = named = sorted(environments)
    told = (
        f"{len(named)} environment{'s' if len(named) > 1 else ''} would be left behind. Delete "
        f"each, wait for its receipt, then delete the stack again: aws stepfunctions "
        f"start-execution --state-machine-arn {delete_state_machine_arn} --input "
        f"'{json.dumps({'environment': first})}'. They are: "
    )
    for number, name in enumerate(named):
        more = f"{', ' if number else ''}{name}"
        rest = f" and {len(named) - number} more"
        if len(told) + len(more) + len(rest) > _REASON_LIMIT:
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
