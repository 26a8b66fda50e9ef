"""The types of AWS's clients, for annotations: functions run without their stubs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient
    from types_boto3_stepfunctions import SFNClient
else:
    DynamoDBClient = EC2Client = ECSClient = EventBridgeClient = CloudWatchLogsClient = Any
    EventBridgeSchedulerClient = ServiceDiscoveryClient = SFNClient = Any

__all__ = [
    "CloudWatchLogsClient",
    "DynamoDBClient",
    "EC2Client",
    "ECSClient",
    "EventBridgeClient",
    "EventBridgeSchedulerClient",
    "SFNClient",
    "ServiceDiscoveryClient",
]
