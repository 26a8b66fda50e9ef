"""Reads the existing schedules of environments."""

from __future__ import annotations

import json

from bivouac import times
from bivouac.aws import scheduler_answers
from bivouac.aws.scheduler import Schedules
from bivouac.environment import naming
from bivouac.sweep.findings import ArmedSchedule


def expiry(schedules: Schedules, group: str, environment: str) -> ArmedSchedule | None:
    """The schedule that ends the environment's lease; None if there is none."""
    found = schedules.described(group, naming.schedule(environment, "expiry"))
    if found is None:
        return None
    once = scheduler_answers.once_at(found)
    content = json.loads(found["Target"].get("Input") or "{}")
    return ArmedSchedule(
        times.moment(f"{once}Z") if once else None,
        content.get("expiresAt", ""),
        scheduler_answers.is_enabled(found),
    )
