"""When the deployment circuit breaker trips, and how long a failing service pauses. Pure.

"How the Amazon ECS deployment circuit breaker detects failures" (deployment-circuit-breaker),
ThresholdConfiguration in the API reference, and "Amazon ECS service throttle logic".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

FEWEST_FAILURES, MOST_FAILURES = 3, 200
"""The bounds of BOUNDED_PERCENT, the default, with a value of 50."""
FAILURES_UNTIL_THROTTLED = 3
"""Consecutive tasks that fail to start before ECS reports it and pauses longer (H13)."""


def threshold(breaker: Mapping[str, Any], desired_count: int) -> int:
    """How many failed tasks fail the deployment; at least one."""
    configuration = breaker.get("thresholdConfiguration", {"type": "BOUNDED_PERCENT", "value": 50})
    value: int = configuration["value"]
    if configuration["type"] == "COUNT":
        return max(1, value)
    percent = math.ceil(desired_count * value / 100)
    if configuration["type"] == "UNBOUNDED_PERCENT":
        return max(1, percent)
    return min(MOST_FAILURES, max(FEWEST_FAILURES, percent))


def resets_on_healthy_task(breaker: Mapping[str, Any]) -> bool:
    resets: bool = breaker.get("resetOnHealthyTask", True)
    return resets


def pause(failures: int, usual: float, longest: float) -> float:
    """Seconds until the next start after this many consecutive tasks never reached RUNNING.

    That it doubles is assumed: the guide says only that it grows, up to 27 minutes.
    """
    doublings = max(0, failures - FAILURES_UNTIL_THROTTLED + 1)
    return min(longest, usual * 2.0 ** min(doublings, 32))
