"""Whether the stack may be changed or deleted, and the answer to CloudFormation. Pure.

Without the stack, nothing would ever delete its environments, because its schedules and executions
are deleted with it. CloudFormation's user guide, "Custom resource request and response reference".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ANSWER_LIMIT = 4096
"""Bytes of the whole answer."""
_REASON_LIMIT = 2_000
"""Bytes of the reason as JSON; the ids of stack and request need the rest of the answer."""
_PART_LIMIT = 950
"""Bytes of each of the two parts of a reason."""
PHYSICAL_ID = "environments-guard"
"""Always the same: a new id would mean that the resource was replaced, and delete the old one."""


def refusal_of_deletion(environments: Sequence[str], delete_state_machine_arn: str) -> str:
    """Why the stack cannot be deleted while these environments exist; empty if there are none."""
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
    """Why the stack cannot be deleted while rules of these security groups refer to its groups;
    empty if there are none. EC2 refuses to delete a group that a rule refers to, which would only
    show when most of the stack is gone."""
    if not references:
        return ""
    return _listing(
        f"{len(references)} security group{'s have' if len(references) > 1 else ' has'} rules that "
        "refer to a group of this stack, and EC2 deletes no group that a rule refers to. "
        "Remove these rules first, then delete the stack again. They are: ",
        [
            f"{group} (refers to {', '.join(sorted(references[group]))})"
            for group in sorted(references)
        ],
    )


def _listing(text: str, items: Sequence[str]) -> str:
    """The text with as many of the items as there is room for."""
    for number, item in enumerate(items):
        more = f"{', ' if number else ''}{item}"
        rest = f" and {len(items) - number} more"
        if len(text) + len(more) + len(rest) > _PART_LIMIT:
            return text + rest
        text += more
    return text


def refusal_of_update(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Why the stack cannot be updated; empty if it can. Everything is named after the prefix."""
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
