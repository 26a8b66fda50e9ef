"""The one-time schedule that deletes an environment when its lease ends."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bivouac import lease, naming
from bivouac.aws.faults import translated
from bivouac.settings import ExpirySettings

if TYPE_CHECKING:
    from types_boto3_scheduler import EventBridgeSchedulerClient

LONGEST_RETRY_SECONDS = 86_400
MOST_RETRIES = 185
"""EventBridge Scheduler's own limits (W03): a lost expiry is a leak, so it tries all day."""


def arm(
    client: EventBridgeSchedulerClient,
    settings: ExpirySettings,
    environment: str,
    at: datetime,
    reason: str,
) -> None:
    """Make the schedule fire at `at`, whether or not it exists. Repeating it changes nothing.

    UpdateSchedule overwrites what it is not given, so both calls get all of it (W03)."""
    name = naming.expiry_schedule(environment)
    schedule: dict[str, Any] = {
        "Name": name,
        "GroupName": settings.schedule_group,
        "ScheduleExpression": f"at({at.strftime('%Y-%m-%dT%H:%M:%S')})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "State": "ENABLED",
        "Description": f"Deletes the Bivouac environment {environment}",
        "Target": {
            "Arn": settings.delete_state_machine_arn,
            "RoleArn": settings.role_arn,
            "Input": json.dumps(
                {"environment": environment, "reason": reason, "expiresAt": lease.timestamp(at)}
            ),
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": LONGEST_RETRY_SECONDS,
                "MaximumRetryAttempts": MOST_RETRIES,
            },
        },
        "ClientToken": naming.token("expiry", environment, lease.timestamp(at)),
    }
    with translated(f"schedule {name}"):
        try:
            client.create_schedule(**schedule)
        except client.exceptions.ConflictException:
            client.update_schedule(**schedule)


def disarm(client: EventBridgeSchedulerClient, settings: ExpirySettings, environment: str) -> bool:
    """Remove the schedule. False: it was gone, because it deletes itself after it fired."""
    name = naming.expiry_schedule(environment)
    with translated(f"schedule {name}"):
        try:
            client.delete_schedule(Name=name, GroupName=settings.schedule_group)
        except client.exceptions.ResourceNotFoundException:
            return False
    return True
