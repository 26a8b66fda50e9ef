"""AWS's token buckets, if a test turns them on (S20).

Amazon ECS API reference, "Request throttling for the Amazon ECS API".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.clock import ManualClock
from localcloud.cloud import LocalCloud
from localcloud.endpoint.calls import Call
from localcloud.endpoint.rate_limits import LIMITS, RateLimits
from localcloud.timings import TEST


def call(operation: str, service: str = "ecs") -> Call:
    return Call(service, operation, "key", False, "/", "", b"{}")


class TestBuckets:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def limits(self, clock: ManualClock) -> RateLimits:
        return RateLimits(clock)

    def passed(self, limits: RateLimits, *operations: str, service: str = "ecs") -> int:
        """How many of these calls pass, in turn, until one is throttled."""
        count = 0
        while limits.refusal_of(call(operations[count % len(operations)], service)) is None:
            count += 1
        return count

    @pytest.mark.parametrize(
        ("operations", "burst", "rate"),
        [
            (("CreateCluster", "DeleteCluster", "UpdateCluster"), 20, 1),
            (("RegisterTaskDefinition", "DeregisterTaskDefinition"), 20, 1),
            (("DeleteTaskDefinitions",), 5, 1),
            (("CreateService", "UpdateService", "DeleteService"), 50, 5),
            (("DescribeServices", "ListServices"), 100, 20),
            (("DescribeTasks", "ListTasks"), 100, 20),
            (("TagResource",), 20, 10),
        ],
    )
    def test_a_burst_then_a_rate_that_operations_share(
        self,
        limits: RateLimits,
        clock: ManualClock,
        operations: tuple[str, ...],
        burst: int,
        rate: int,
    ) -> None:
        assert self.passed(limits, *operations) == burst
        clock.advance(1)
        assert self.passed(limits, *operations) == rate
        clock.advance(3600)
        assert self.passed(limits, *operations) == burst

    def test_start_execution_has_its_own_bucket(
        self, limits: RateLimits, clock: ManualClock
    ) -> None:
        """Step Functions developer guide, "Step Functions service quotas"."""
        assert self.passed(limits, "StartExecution", service="states") == 800
        clock.advance(1)
        assert self.passed(limits, "StartExecution", service="states") == 150

    @pytest.mark.parametrize(
        ("operation", "rate"), [("DescribeLogGroups", 10), ("ListTagsForResource", 5)]
    )
    def test_logs_has_a_rate_and_no_burst(
        self, limits: RateLimits, clock: ManualClock, operation: str, rate: int
    ) -> None:
        """CloudWatch Logs user guide, "CloudWatch Logs quotas"."""
        assert self.passed(limits, operation, service="logs") == rate
        clock.advance(60)
        assert self.passed(limits, operation, service="logs") == rate

    def test_buckets_do_not_share(self, limits: RateLimits) -> None:
        self.passed(limits, "CreateCluster")
        assert self.passed(limits, "RegisterTaskDefinition") == 20

    def test_cloud_map_has_its_own_error_text(self, limits: RateLimits) -> None:
        """P02."""
        self.passed(limits, "DiscoverInstances", service="servicediscovery")
        refused = limits.refusal_of(call("DiscoverInstances", "servicediscovery"))
        assert refused == ("RequestLimitExceeded", "Rate exceeded")

    def test_operations_without_a_published_rate_are_not_limited(self, limits: RateLimits) -> None:
        many = (call("CreateHttpNamespace", "servicediscovery") for _ in range(10_000))
        assert not any(limits.refusal_of(one) for one in many)

    def test_buckets_fill_faster_where_waits_are_shorter(self, clock: ManualClock) -> None:
        limits = RateLimits(clock, wait_scale=0.1)
        self.passed(limits, "CreateCluster")
        clock.advance(1)
        assert self.passed(limits, "CreateCluster") == 10

    def test_no_operation_is_in_two_buckets(self) -> None:
        names = [(limit.service, name) for limit in LIMITS for name in limit.operations]
        assert len(names) == len(set(names))


class TestEndpoint:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def cloud(self, clock: ManualClock) -> Iterator[LocalCloud]:
        with LocalCloud(
            timings=TEST, runtime="scripted", port=0, clock=clock, rate_limits=True
        ) as cloud:
            yield cloud

    def ecs(self, cloud: LocalCloud) -> Any:
        """A client that does not retry."""
        keys = cloud.credentials.user
        session: Any = boto3.Session()
        return session.client(
            "ecs",
            endpoint_url=cloud.endpoint_url,
            region_name="ap-northeast-1",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def test_a_client_is_throttled_and_can_retry(
        self, cloud: LocalCloud, clock: ManualClock
    ) -> None:
        ecs = self.ecs(cloud)
        for number in range(20):
            ecs.create_cluster(clusterName=f"c-{number}")
        with pytest.raises(ClientError) as refused:
            ecs.create_cluster(clusterName="one-more")
        answer = refused.value.response
        assert answer["Error"]["Code"] == "ThrottlingException"
        assert answer["Error"]["Message"] == "Rate exceeded"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        clock.advance(1)
        assert ecs.create_cluster(clusterName="one-more")["cluster"]["clusterName"] == "one-more"
