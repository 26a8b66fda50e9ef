"""The schedules of an environment, as CreateSchedule takes them: when they fire, and what they
start. Pure.

Only the receipt of a deletion ends an up or a down, and the expiry starts that deletion, so no
environment has office hours without an end.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import StrEnum

from bivouac import times
from bivouac.environment import lease, naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Intent
from bivouac.json_types import Json
from bivouac.settings import ScheduleSettings

LEASE_EXPIRED = "lease expired"
NOT_COMPLETE = "deletion was not complete"
"""Why an environment is deleted again."""

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""Scheduler inserts the time for which it fires, as 2026-01-31T18:00:00Z
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html)."""

ALL_DAY = 86_400
"""Seconds, Scheduler's own limit (W03): a lost expiry is a leak, so it is retried all day."""
OFFICE_HOURS_ARE_LATE_AFTER = 3_600
"""Seconds: a later up has missed its morning."""
SHORTEST_AGE = 60
"""Seconds, Scheduler's own limit."""
MOST_RETRIES = 185
"""Scheduler's own limit (W03)."""
SOONEST = timedelta(minutes=2)
"""Scheduler is precise to the minute, and accepts past times (recorded in February 2025:
github.com/localstack/localstack, test_scheduler). Whether it fires for them is unknown, so even a
slow call must be in time."""


class ScheduleKind(StrEnum):
    """In the order of their removal: the last one still starts the deletion that removes the
    rest."""

    UP = "up schedule"
    DOWN = "down schedule"
    WARNING = "warning schedule"
    EXPIRY = "expiry schedule"


OFFICE_HOURS = (ScheduleKind.UP, ScheduleKind.DOWN)


def name_of(kind: ScheduleKind, environment: str) -> str:
    return naming.schedule(environment, kind.removesuffix(" schedule"))


def group_and_role(kind: ScheduleKind, settings: ScheduleSettings) -> tuple[str, str]:
    """The schedule group, and the ARN of the role."""
    if kind in OFFICE_HOURS:
        return settings.office_hours_group, settings.office_hours_role_arn
    return settings.expiry_group, settings.expiry_role_arn


def timetable(
    blueprint: Blueprint, ends: datetime, now: datetime, settings: ScheduleSettings
) -> dict[ScheduleKind, Json]:
    """All schedules that an environment needs, from now until the end of its lease."""
    wanted = {ScheduleKind.EXPIRY: expiry(blueprint.environment, ends, now, settings)}
    warn_at = ends - timedelta(seconds=blueprint.warn_before_seconds)
    if warn_at >= now + SOONEST:
        wanted[ScheduleKind.WARNING] = _warning(blueprint, warn_at, ends, settings)
    return wanted | _office_hours(blueprint, settings)


def expiry(
    environment: str,
    ends: datetime,
    now: datetime,
    settings: ScheduleSettings,
    reason: str = LEASE_EXPIRED,
) -> Json:
    """Deletes the environment; at once if its end is past."""
    at = max(ends, lease.expires_at(now + SOONEST, 0))
    return _arguments(
        ScheduleKind.EXPIRY,
        environment,
        _at(at),
        settings.delete_machine_arn,
        {"environment": environment, "reason": reason, "expiresAt": times.timestamp(at)},
        ALL_DAY,
        settings,
    )


def _warning(
    blueprint: Blueprint, at: datetime, ends: datetime, settings: ScheduleSettings
) -> Json:
    return _arguments(
        ScheduleKind.WARNING,
        blueprint.environment,
        _at(at),
        settings.warn_function_arn,
        {
            "environment": blueprint.environment,
            "expiresAt": times.timestamp(ends),
            "warningSeconds": blueprint.warn_before_seconds,
        },
        max(SHORTEST_AGE, min(ALL_DAY, blueprint.warn_before_seconds)),
        settings,
    )


def _office_hours(blueprint: Blueprint, settings: ScheduleSettings) -> dict[ScheduleKind, Json]:
    if blueprint.schedule is None:
        return {}
    environment, schedule = blueprint.environment, blueprint.schedule
    down: Json = {"environment": environment, "reason": "office hours", "intent": _intent("down")}
    machine = settings.sleep_machine_arn
    if schedule["downAction"] == "delete":
        down |= {"keepSchedule": True}
        machine = settings.delete_machine_arn
    up = {"environment": environment, "intent": _intent("up")}
    return {
        kind: _arguments(
            kind,
            environment,
            schedule[name],
            target,
            content,
            OFFICE_HOURS_ARE_LATE_AFTER,
            settings,
            schedule["timezone"],
        )
        for kind, name, target, content in (
            (ScheduleKind.UP, "up", settings.wake_machine_arn, up),
            (ScheduleKind.DOWN, "down", machine, down),
        )
    }


def _arguments(
    kind: ScheduleKind,
    environment: str,
    expression: str,
    target_arn: str,
    content: Json,
    longest_age: int,
    settings: ScheduleSettings,
    timezone: str = "UTC",
) -> Json:
    """`content`: the target's input. `longest_age`: seconds after which a failed delivery is not
    retried."""
    group, role = group_and_role(kind, settings)
    return {
        "Name": name_of(kind, environment),
        "GroupName": group,
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": timezone,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "NONE" if kind in OFFICE_HOURS else "DELETE",
        "State": "ENABLED",
        "Description": f"The {kind} of the Bivouac environment {environment}",
        "Target": {
            "Arn": target_arn,
            "RoleArn": role,
            "Input": json.dumps(content),
            "DeadLetterConfig": {"Arn": settings.dead_letters_arn},
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": longest_age,
                "MaximumRetryAttempts": MOST_RETRIES,
            },
        },
    }


def _intent(verb: str) -> Json:
    """The time for which the schedule fires, however late and often it is delivered. Nothing else
    is in it, so that two deliveries of one firing are one intent."""
    return {"id": f"{verb} {SCHEDULED_TIME}", "at": SCHEDULED_TIME}


def is_of_office_hours(intent: Intent) -> bool:
    """Whether an up or a down meant it, or is retried: only their ids name the intent's time."""
    time = times.timestamp(intent.at)
    return intent.id.startswith((f"up {time}", f"down {time}"))


def _at(moment: datetime) -> str:
    return f"at({times.timestamp(moment).removesuffix('Z')})"
