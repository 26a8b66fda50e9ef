"""The schedules of environments as they are, whoever armed or forgot them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bivouac import times
from bivouac.aws import scheduler_answers
from bivouac.aws.errors import translated
from bivouac.environment import naming
from bivouac.sweep.findings import ArmedSchedule

if TYPE_CHECKING:
    from types_boto3_scheduler import EventBridgeSchedulerClient


def names(client: EventBridgeSchedulerClient, group: str) -> list[str]:
    """Of all schedules of a group."""
    with translated(f"schedule group {group}"):
        pages = client.get_paginator("list_schedules").paginate(GroupName=group)
        return [schedule["Name"] for page in pages for schedule in page["Schedules"]]


def expiry(
    client: EventBridgeSchedulerClient, group: str, environment: str
) -> ArmedSchedule | None:
    """The schedule that ends the environment's lease; None where there is none."""
    name = naming.expiry_schedule(environment)
    with translated(f"schedule {name}"):
        try:
            found = client.get_schedule(Name=name, GroupName=group)
        except client.exceptions.ResourceNotFoundException:
            return None
    once = scheduler_answers.once_at(found)
    content = json.loads(found["Target"].get("Input") or "{}")
    return ArmedSchedule(
        times.moment(f"{once}Z") if once else None,
        content.get("expiresAt", ""),
        scheduler_answers.is_enabled(found),
    )
