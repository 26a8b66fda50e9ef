"""Availability Zone rebalancing: who has it, what it is incompatible with, and what it does.

"Balancing an Amazon ECS service across Availability Zones" and "Track Amazon ECS Availability Zone
rebalancing" in the developer guide.
"""

from __future__ import annotations

from typing import Any

import pytest

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
def test_a_new_service_has_it_unless_told_otherwise(
    cloud: Cloud, arguments: dict[str, Any], becomes: str
) -> None:
    """CreateService in the API reference; without room, as public reports of 2026 have it."""
    assert cloud.running_web(**arguments)["availabilityZoneRebalancing"] == becomes


def test_it_needs_room_for_one_more_task(cloud: Cloud) -> None:
    """The text is quoted in public reports of 2026."""
    cloud.cluster()
    cloud.task_definition()
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


def test_an_update_keeps_it_and_changing_it_begins_no_deployment(cloud: Cloud) -> None:
    """UpdateService in the API reference."""
    cloud.running_web(availabilityZoneRebalancing="DISABLED")
    assert update(cloud, desiredCount=2) == "DISABLED"
    assert update(cloud, availabilityZoneRebalancing="ENABLED") == "ENABLED"
    assert len(cloud.described()["deployments"]) == 1
