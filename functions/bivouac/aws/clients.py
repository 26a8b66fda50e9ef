"""The only place that makes boto3 clients."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient
    from types_boto3_stepfunctions import SFNClient

BOUNDED = Config(
    connect_timeout=3,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 2},
    user_agent_extra="bivouac",
)
"""Two attempts of eleven seconds end before a function's time-out of 30; the machine retries.

More attempts inside would hide throttling from it, and re-send calls whose outcome is unknown."""


SENT_ONCE = BOUNDED.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""For calls without an idempotency token: a second attempt could do it twice (T03)."""


@cache
def ecs() -> ECSClient:
    return boto3.client("ecs", config=BOUNDED)


@cache
def ecs_sent_once() -> ECSClient:
    return boto3.client("ecs", config=SENT_ONCE)


@cache
def servicediscovery() -> ServiceDiscoveryClient:
    return boto3.client("servicediscovery", config=BOUNDED)


@cache
def logs() -> CloudWatchLogsClient:
    return boto3.client("logs", config=BOUNDED)


@cache
def ec2() -> EC2Client:
    return boto3.client("ec2", config=BOUNDED)


@cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=BOUNDED)


@cache
def scheduler() -> EventBridgeSchedulerClient:
    return boto3.client("scheduler", config=BOUNDED)


@cache
def stepfunctions() -> SFNClient:
    return boto3.client("stepfunctions", config=BOUNDED)
