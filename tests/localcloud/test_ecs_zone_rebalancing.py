"""Availability Zone rebalancing: who has it, what it is incompatible with, and what it does.

"Balancing an Amazon ECS service across Availability Zones" and "Track Amazon ECS Availability Zone
rebalancing" in the developer guide.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from localcloud.account import SUBNET_IDS
from tests.localcloud.member_by_member import is_like, recorded
from tests.localcloud.sent_events import SERVICE, SentEvents
from tests.localcloud.strict_cloud import Cloud, refused

NO_ROOM: dict[str, Any] = {
    "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}
}


def update(cloud: Cloud, **changes: Any) -> str:
    answer = cloud.ecs.update_service(cluster="shop", service="web", **changes)
    return str(answer["service"]["availabilityZoneRebalancing"])


@pytest.mark.parametrize(
    ("arguments", "becomes"),
    [
        ({}, "ENABLED"),
        ({"availabilityZoneRebalancing": "DISABLED"}, "DISABLED"),
        (NO_ROOM, "DISABLED"),
        ({**NO_ROOM, "availabilityZoneRebalancing": "DISABLED"}, "DISABLED"),
    ],
    ids=["nothing said", "not wanted", "nothing said and no room", "not wanted and no room"],
)
def test_a_new_service_rebalances_unless_disabled(
    cloud: Cloud, arguments: dict[str, Any], becomes: str
) -> None:
    """CreateService in the API reference; without room, as in public reports of 2026."""
    assert cloud.running_web(**arguments)["availabilityZoneRebalancing"] == becomes


def test_rebalancing_needs_room_for_one_more_task(cloud: Cloud) -> None:
    """The text is quoted in public reports of 2026."""
    cloud.cluster_and_definition()
    with refused("InvalidParameterException") as error:
        cloud.service(**NO_ROOM, availabilityZoneRebalancing="ENABLED")
    assert "does not support maximumPercent <= 100 % as deployment configuration" in error.message
    cloud.service()
    with refused("InvalidParameterException") as error:
        update(cloud, **NO_ROOM)
    assert error.message.startswith("The service couldn't be updated because Availability Zone")
    assert update(cloud, **NO_ROOM, availabilityZoneRebalancing="DISABLED") == "DISABLED"
    with refused("InvalidParameterException"):
        update(cloud, availabilityZoneRebalancing="ENABLED")


def test_an_update_keeps_the_setting_and_changing_it_starts_no_deployment(cloud: Cloud) -> None:
    """UpdateService in the API reference."""
    cloud.running_web(availabilityZoneRebalancing="DISABLED")
    assert update(cloud, desiredCount=2) == "DISABLED"
    assert update(cloud, availabilityZoneRebalancing="ENABLED") == "ENABLED"
    assert len(cloud.described()["deployments"]) == 1


class TestAServiceThatIsSpreadUnevenly:
    """Three tasks, two of them in one zone, because another had no capacity when they started."""

    @pytest.fixture
    def zones(self, cloud: Cloud) -> list[str]:
        """Full, half full, and empty."""
        empty = cloud.plane.network.availability_zone(SUBNET_IDS[2])
        cloud.plane.obstacles.exhaust_capacity_in(empty)
        cloud.running_web(desiredCount=3)
        placed = spread(cloud)
        (full,) = [zone for zone, tasks in placed.items() if tasks == 2]
        (half,) = [zone for zone, tasks in placed.items() if tasks == 1]
        return [full, half, empty]

    def test_a_task_is_started_elsewhere_before_another_one_is_stopped(
        self, cloud: Cloud, zones: list[str]
    ) -> None:
        """The texts of events and stops: the guide; most of them recorded (September 2026)."""
        full, half, empty = zones
        (deployment,) = cloud.described()["deployments"]
        cloud.plane.obstacles.clear()
        sent = SentEvents(cloud)
        most = 0
        for _ in range(100):
            cloud.wait(0.02)
            most = max(most, cloud.described()["runningCount"])
        assert most == 4
        assert spread(cloud) == {full: 1, half: 1, empty: 1}
        (stopped,) = cloud.tasks("STOPPED")
        assert (stopped["stopCode"], stopped["stoppedReason"]) == (
            "ServiceSchedulerInitiated",
            f"Availability-zone rebalancing initiated by (deployment {deployment['id']})",
        )
        assert stopped["availabilityZone"] == full
        told = [re.sub("[0-9a-f]{32}", "t", text) for text in cloud.events()[2::-1]]
        assert told == [
            f"(service web) has started 1 tasks in {empty} to AZ Rebalance: (task t).",
            f"(service web) has stopped 1 running tasks in {full} due to AZ rebalancing: (task t).",
            f"(service web) is AZ balanced with 1 tasks in {full}, 1 tasks in {half}, "
            f"1 tasks in {empty}.",
        ]
        shapes = recorded("ecs-service-events")["shapes"]
        assert is_like(shapes["started elsewhere"], cloud.events()[2])
        assert is_like(shapes["balanced"], cloud.events()[0])
        assert any(is_like(shapes["not balanced"], text) for text in cloud.events())
        assert sent.names(SERVICE) == [
            "TASKS_STARTED",
            "TASKS_STOPPED",
            "SERVICE_REBALANCING_COMPLETED",
        ]

    def test_a_zone_that_still_has_no_capacity_is_reported(
        self, cloud: Cloud, zones: list[str]
    ) -> None:
        full, half, empty = zones
        cloud.wait()
        assert spread(cloud) == {full: 2, half: 1}
        assert cloud.events()[:3] == [
            "(service web) stopped AZ Rebalancing.",
            f"(service web) is unable to place a task in {empty}.",
            f"(service web) is not AZ balanced with 2 tasks in {full}, 1 tasks in {half}, "
            f"0 tasks in {empty}. AZ Rebalancing in progress.",
        ]
        assert len(cloud.tasks("STOPPED")) == 0

    def test_a_deployment_ends_the_rebalancing(self, cloud: Cloud, zones: list[str]) -> None:
        cloud.plane.obstacles.clear()
        while len(cloud.tasks()) < 4:
            cloud.wait(0.01)
        cloud.ecs.update_service(cluster="shop", service="web", forceNewDeployment=True)
        cloud.wait()
        assert sorted(spread(cloud).values()) == [1, 1, 1]
        assert all("Scaling activity" in task["stoppedReason"] for task in cloud.tasks("STOPPED"))
        assert "(service web) stopped AZ Rebalancing." in cloud.events()

    def test_tasks_stay_where_they_are_if_rebalancing_is_disabled(
        self, cloud: Cloud, zones: list[str]
    ) -> None:
        update(cloud, availabilityZoneRebalancing="DISABLED")
        cloud.plane.obstacles.clear()
        cloud.wait()
        assert sorted(spread(cloud).values()) == [1, 2]
        assert cloud.tasks("STOPPED") == []


def test_nothing_is_placed_if_no_zone_has_capacity(cloud: Cloud) -> None:
    """H14."""
    for subnet in SUBNET_IDS:
        zone = cloud.plane.network.availability_zone(subnet)
        cloud.plane.obstacles.exhaust_capacity_in(zone)
    cloud.running_web()
    assert cloud.tasks() == cloud.tasks("STOPPED") == []
    assert "Capacity is unavailable at this time" in cloud.events()[-1]


def test_scaling_in_stops_tasks_of_the_fullest_zone(cloud: Cloud) -> None:
    """ "Service scheduler concepts" in the developer guide."""
    cloud.running_web(desiredCount=5)
    update(cloud, desiredCount=3)
    cloud.wait()
    assert list(spread(cloud).values()) == [1, 1, 1]


def spread(cloud: Cloud) -> dict[str, int]:
    return dict(Counter(task["availabilityZone"] for task in cloud.tasks()))
