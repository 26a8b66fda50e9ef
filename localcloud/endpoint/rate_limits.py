"""AWS's request rates: token buckets for each account and Region, some shared by several
operations.

ECS's are all on the Amazon ECS API reference's page "Request throttling for the Amazon ECS API";
Step Functions', Cloud Map's and CloudWatch Logs' are those of their quota pages, outside the three
largest Regions.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from localcloud.clock import Clock
from localcloud.endpoint.calls import Call


@dataclass(frozen=True)
class Limit:
    service: str
    """The name that requests are signed for."""
    operations: frozenset[str]
    burst: float
    """Requests at once: the bucket's capacity."""
    rate: float
    """Sustained requests per second: the bucket's refill rate."""


def _limit(service: str, operations: str, burst: float, rate: float) -> Limit:
    return Limit(service, frozenset(operations.split()), burst, rate)


LIMITS = (
    _limit(
        "ecs",
        "CreateCluster DeleteCluster PutClusterCapacityProviders UpdateCluster "
        "UpdateClusterSettings",
        20,
        1,
    ),
    _limit("ecs", "DescribeClusters ListClusters", 50, 20),
    _limit("ecs", "DeregisterTaskDefinition RegisterTaskDefinition", 20, 1),
    _limit("ecs", "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies", 50, 20),
    _limit("ecs", "DeleteTaskDefinitions", 5, 1),
    _limit("ecs", "TagResource UntagResource", 20, 10),
    _limit("ecs", "ListTagsForResource", 50, 20),
    _limit("ecs", "ExecuteCommand RunTask StartTask StopTask", 100, 40),
    _limit("ecs", "DescribeTasks ListTasks", 100, 20),
    _limit("ecs", "CreateService DeleteService UpdateService", 50, 5),
    _limit("ecs", "DescribeServices ListServices", 100, 20),
    _limit("ecs", "DescribeServiceDeployments ListServiceDeployments", 50, 20),
    _limit("ecs", "DescribeServiceRevisions", 50, 20),
    _limit("ecs", "ListServicesByNamespace", 10, 1),
    _limit("logs", "DescribeLogGroups", 10, 10),
    _limit("logs", "ListTagsForResource", 5, 5),
    _limit("servicediscovery", "DiscoverInstances", 2000, 1000),
    _limit("states", "StartExecution", 800, 150),
)
"""The operations that Bivouac uses or could use; AWS publishes none for the rest of Cloud Map."""

_CODES = {"servicediscovery": "RequestLimitExceeded"}


class _Bucket:
    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._tokens = limit.burst
        self._since = now

    def take(self, now: float) -> bool:
        """False if the bucket is empty."""
        grown = self._tokens + (now - self._since) * self._limit.rate
        self._tokens, self._since = min(self._limit.burst, grown), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimits:
    """Refuses calls that come too fast. Uses the clock's time, which is scaled like every wait."""

    def __init__(self, clock: Clock, wait_scale: float = 1.0) -> None:
        self._clock = clock
        self._wait_scale = wait_scale
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self.refused: Counter[str] = Counter()
        """Number of refusals, by operation."""
        for limit in LIMITS:
            bucket = _Bucket(limit, self._now())
            self._buckets |= {(limit.service, name): bucket for name in limit.operations}

    def refusal_of(self, call: Call) -> tuple[str, str] | None:
        """Error code and message; None if it may pass, which costs a token (S20)."""
        with self._lock:
            bucket = self._buckets.get((call.service, call.operation))
            if bucket is None or bucket.take(self._now()):
                return None
            self.refused[call.operation] += 1
        return _CODES.get(call.service, "ThrottlingException"), "Rate exceeded"

    def _now(self) -> float:
        return self._clock.now() / self._wait_scale
