"""What the code compares with EventBridge Scheduler's answers, each literal with its source. Pure.

Documented: Scheduler API, GetSchedule, and its guide, "Schedule types". Expressions of the form
at(yyyy-mm-ddThh:mm:ss) are recorded as accepted, those with a Z or without a time as refused
(github.com/localstack/localstack at 8b9a79f, test_scheduler, January 2025). Its error codes are
in error_answers.
"""

from __future__ import annotations

import re

from bivouac.json_types import Described

_ONCE = re.compile(r"at\((.*)\)")


def once_at(schedule: Described) -> str | None:
    """The moment of a one-time schedule, without a time zone; None if it recurs."""
    match = _ONCE.fullmatch(schedule["ScheduleExpression"])
    return match[1] if match else None


def is_enabled(schedule: Described) -> bool:
    return bool(schedule.get("State") == "ENABLED")
