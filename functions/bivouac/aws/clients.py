"""The only module that creates AWS clients.

They are botocore's, the same that `boto3.client` returns. Importing boto3 as well would lengthen
every cold start by the S3 transfer manager and the resource layer, which nothing here uses
(docs/decisions/0003).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

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


def _client(service: str, config: Config = BOUNDED) -> Callable[[], Any]:
    """Creates the client when it is first called for, and then keeps it."""
    return cache(lambda: _session().create_client(service, config=config))


ecs: Callable[[], ECSClient] = _client("ecs")
ecs_sent_once: Callable[[], ECSClient] = _client("ecs", SENT_ONCE)
servicediscovery: Callable[[], ServiceDiscoveryClient] = _client("servicediscovery")
logs: Callable[[], CloudWatchLogsClient] = _client("logs")
ec2: Callable[[], EC2Client] = _client("ec2")
dynamodb: Callable[[], DynamoDBClient] = _client("dynamodb")
cloudformation: Callable[[], Any] = _client("cloudformation")
"""Untyped, for one call."""
events: Callable[[], EventBridgeClient] = _client("events")
scheduler: Callable[[], EventBridgeSchedulerClient] = _client("scheduler")
stepfunctions: Callable[[], SFNClient] = _client("stepfunctions")
