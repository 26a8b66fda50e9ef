"""The only module that creates AWS clients.

They are botocore's, the same that `boto3.client` returns. Importing boto3 as well would lengthen
every cold start by the S3 transfer manager and the resource layer, which nothing here uses
(docs/decisions/0003).
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, cast

from botocore.config import Config
from botocore.session import Session

from bivouac.aws.client_types import (
    CloudWatchLogsClient,
    DynamoDBClient,
    EC2Client,
    ECSClient,
    EventBridgeClient,
    EventBridgeSchedulerClient,
    ServiceDiscoveryClient,
    SFNClient,
)

BOUNDED = Config(
    connect_timeout=3,
    read_timeout=8,
    retries={
        "mode": "standard",
        "total_max_attempts": int(os.environ.get("AWS_MAX_ATTEMPTS", "2")),
    },
    user_agent_extra="bivouac",
)
"""Two attempts of eleven seconds end before a function's timeout of 30 s; the machine retries.

More attempts here would hide throttling from it, and repeat calls whose outcome is unknown. A
function that no machine calls and that has more time sets the SDKs' own variable."""


SENT_ONCE = BOUNDED.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""For calls without an idempotency token: a second attempt could do it twice (T03)."""


@cache
def _session() -> Session:
    return Session()


def _client(service: str, config: Config) -> Any:
    return _session().create_client(service, config=config)


@cache
def ecs() -> ECSClient:
    return cast("ECSClient", _client("ecs", BOUNDED))


@cache
def ecs_sent_once() -> ECSClient:
    return cast("ECSClient", _client("ecs", SENT_ONCE))


@cache
def servicediscovery() -> ServiceDiscoveryClient:
    return cast("ServiceDiscoveryClient", _client("servicediscovery", BOUNDED))


@cache
def logs() -> CloudWatchLogsClient:
    return cast("CloudWatchLogsClient", _client("logs", BOUNDED))


@cache
def ec2() -> EC2Client:
    return cast("EC2Client", _client("ec2", BOUNDED))


@cache
def dynamodb() -> DynamoDBClient:
    return cast("DynamoDBClient", _client("dynamodb", BOUNDED))


@cache
def cloudformation() -> Any:
    """Untyped, for one call."""
    return _client("cloudformation", BOUNDED)


@cache
def events() -> EventBridgeClient:
    return cast("EventBridgeClient", _client("events", BOUNDED))


@cache
def scheduler() -> EventBridgeSchedulerClient:
    return cast("EventBridgeSchedulerClient", _client("scheduler", BOUNDED))


@cache
def stepfunctions() -> SFNClient:
    return cast("SFNClient", _client("stepfunctions", BOUNDED))
