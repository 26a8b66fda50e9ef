"""How long to wait before looking again. Pure; all seconds.

A look costs three state transitions and a few reads, so it is taken as often as something can have
changed: rarely while network interfaces are attached, often once containers run. A pause also grows
with the time waited already, so that a long wait costs little.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

BY_TASK_STATUS = {"PROVISIONING": 4, "PENDING": 2, "ACTIVATING": 1, "RUNNING": 1}
NO_TASK_YET = 4
LONGEST = 10
SHARE = 0.02

OPERATION = 1
"""Cloud Map operations and cluster attachments take a few seconds (C02, N04)."""

DRAIN = 2
"""Services drain within the stop time-out of their containers."""

ANOTHER_EXECUTION = 5


def before_next_look(waited_seconds: float, task_statuses: Iterable[str]) -> int:
    """The pause until services are looked at again; the slowest of the awaited tasks decides."""
    pauses = [BY_TASK_STATUS.get(status, NO_TASK_YET) for status in task_statuses]
    return max(max(pauses, default=NO_TASK_YET), min(LONGEST, round(waited_seconds * SHARE)))


def while_it_goes(shortest: int, waited_seconds: float) -> int:
    """The pause until what is being made or deleted is looked at again."""
    return max(shortest, min(LONGEST, round(waited_seconds * SHARE)))


def patient(
    answer: dict[str, Any], waited_seconds: float, limit_seconds: float, gave_up: Exception
) -> dict[str, Any]:
    """A step's answer; where it says IN_PROGRESS, with the pause until the next look.

    Raises `gave_up` once the limit is over, because no wait may be without an end (W07)."""
    if answer["status"] != "IN_PROGRESS":
        return answer
    if waited_seconds > limit_seconds:
        raise gave_up
    return {**answer, "waitSeconds": while_it_goes(OPERATION, waited_seconds)}
