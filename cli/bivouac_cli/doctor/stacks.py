"""Whether it is the right stack, in a usable state, and of this version. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bivouac_cli.doctor.finding import Finding, ng, ok

CHECK = "stack"
_ONLY_DELETED = ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")
"""States that no update leads out of (CloudFormation user guide, stack status codes)."""


def stack_finding(
    name: str, stack: Mapping[str, Any] | None, others: Sequence[str], region: str
) -> Finding:
    """`others`: the other stacks of Bivouac in this Region."""
    if stack is None:
        reason = f"there is no stack named {name} in {region}"
        if others:
            return ng(
                CHECK,
                f"{reason}, but {', '.join(others)}",
                "\n".join(f"bivouac doctor --stack {each}" for each in others),
            )
        return ng(CHECK, reason, "make deploy")
    status = stack["StackStatus"]
    if status in _ONLY_DELETED:
        return ng(
            CHECK,
            f"{name} is in {status}: it can only be deleted and deployed anew",
            f"aws cloudformation delete-stack --region {region} --stack-name {name}\nmake deploy",
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return ng(
            CHECK,
            f"{name} is in {status}: it cannot be updated before that is finished",
            f"aws cloudformation continue-update-rollback --region {region} --stack-name {name}",
        )
    beside = f"; beside it {', '.join(others)} (--stack)" if others else ""
    return ok(CHECK, f"{name} in {region}, {status}{beside}")


def elsewhere_finding(name: str, region: str, regions: Sequence[str]) -> Finding:
    """Of a stack that is not in this Region, but in these."""
    return ng(
        "region",
        f"the stack {name} is in {', '.join(regions)}, and this is {region}",
        "\n".join(f"bivouac doctor --region {each}" for each in regions),
    )


def version_finding(program: str, stack: str | None) -> Finding:
    """`stack`: its output Version; None if it has none."""
    if stack == program:
        return ok("version", f"stack and program are {program}")
    if stack is None or _numbers(stack) < _numbers(program):
        older = stack or "older"
        return ng("version", f"the stack is {older}, and this program {program}", "make deploy")
    return ng(
        "version",
        f"this program is {program}, and the stack {stack}",
        "pip install --upgrade .   # in a checkout of that version",
    )


def _numbers(version: str) -> list[int]:
    return [int(each) if each.isdecimal() else 0 for each in version.split(".")]
