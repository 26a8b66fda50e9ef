"""EventBridge Scheduler's checks of a schedule request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud import request_shape
from localcloud.clock import as_datetime
from localcloud.events.expressions import At, Expression, ExpressionError, parse
from localcloud.events.targets import delivery_problem

LATEST_START = 300.0
"""Seconds by which a StartDate may be in the past (API reference, CreateSchedule)."""
MAX_INPUT = 262_144
"""Bytes of Target.Input (Scheduler user guide, "Quotas for EventBridge Scheduler")."""


def problem_of(operation: str, request: Mapping[str, Any], now: float) -> str | None:
    """Why CreateSchedule or UpdateSchedule refuses a request, all reasons at once; None if it
    accepts.

    `now` is in seconds since the epoch."""
    given = {key: value for key, value in request.items() if value is not None}
    shape = request_shape.problems("scheduler", operation, given)
    if shape:
        count = len(shape)
        listed = "; ".join(
            f"Value at '{problem.path}' failed to satisfy constraint: {problem.message}"
            for problem in shape
        )
        return f"{count} validation error{'s' * (count > 1)} detected: {listed}"
    return "; ".join(_problems(given, now)) or None


def _problems(given: Mapping[str, Any], now: float) -> Iterator[str]:
    expression = given["ScheduleExpression"]
    try:
        parsed = parse(expression, given.get("ScheduleExpressionTimezone"), as_datetime(now))
    except ExpressionError as error:
        yield str(error)
    else:
        yield from _moment_problems(parsed, given, now)
    window = given["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        yield "FlexibleTimeWindow.MaximumWindowInMinutes belongs to the mode FLEXIBLE alone."
    yield from _target_problems(given["Target"])


def _moment_problems(parsed: Expression, given: Mapping[str, Any], now: float) -> Iterator[str]:
    if isinstance(parsed, At):
        return  # its dates are ignored (API reference)
    start, end = given.get("StartDate"), given.get("EndDate")
    if start is not None and float(start) < now - LATEST_START:
        yield "The StartDate you specify cannot be earlier than 5 minutes ago."
    if end is not None and float(end) <= max(now, float(start or 0)):
        yield "The EndDate you specify must be in the future, and later than the StartDate."


def _target_problems(target: Mapping[str, Any]) -> Iterator[str]:
    if problem := delivery_problem(target):
        yield problem
    text = target.get("Input")
    if text is None:
        return
    if len(text.encode()) > MAX_INPUT:
        yield f"Target.Input has more than {MAX_INPUT} bytes."
    if target["Arn"].split(":")[2:3] in (["states"], ["lambda"]):
        try:
            json.loads(text)
        except ValueError:
            yield "Target.Input must be JSON."
