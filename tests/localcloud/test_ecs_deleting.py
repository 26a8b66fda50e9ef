"""Deleting services: DRAINING, INACTIVE, MISSING, and what prevents it."""

from __future__ import annotations

from localcloud.timings import TEST
from tests.localcloud.strict_cloud import Cloud, connected, refused


def delete(cloud: Cloud, *, force: bool = True) -> str:
    answer = cloud.ecs.delete_service(cluster="shop", service="web", force=force)
    return str(answer["service"]["status"])


def test_without_force_a_service_must_be_scaled_to_zero_first(cloud: Cloud) -> None:
    """D01."""
    cloud.running_web()
    with refused("InvalidParameterException") as error:
        delete(cloud, force=False)
    assert error.message == "The service cannot be stopped while it is scaled above 0."


def test_without_force_its_tasks_must_have_ended(cloud: Cloud) -> None:
    """D02."""
    cloud.running_web()
    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=0)
    with refused("InvalidParameterException") as error:
        delete(cloud, force=False)
    assert error.message == "The service cannot be stopped while deployments are active."
    cloud.wait()
    assert delete(cloud, force=False) == "DRAINING"


def test_a_deleted_service_drains_is_inactive_and_then_missing(cloud: Cloud) -> None:
    """D05: each in turn."""
    cloud.running_web()
    assert delete(cloud) == "DRAINING"
    assert delete(cloud) == "DRAINING"
    assert [task["desiredStatus"] for task in cloud.tasks()] == ["RUNNING"]
    cloud.wait(TEST.placement)
    assert cloud.described()["status"] == "INACTIVE"
    assert [task["lastStatus"] for task in cloud.tasks("STOPPED")] == ["DEPROVISIONING"]
    cloud.wait(TEST.inactive_visible)
    answer = cloud.ecs.describe_services(cluster="shop", services=["web"])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def test_deleting_a_gone_service_is_not_found(cloud: Cloud) -> None:
    """D04."""
    cloud.running_web()
    delete(cloud)
    cloud.wait()
    with refused("ServiceNotFoundException"):
        delete(cloud)
    with refused("ClusterNotFoundException"):
        cloud.ecs.delete_service(cluster="other", service="web")


def test_a_connected_service_drains_until_its_tasks_are_deregistered(cloud: Cloud) -> None:
    """D05: DEACTIVATING comes before STOPPING."""
    arn = cloud.namespace()
    cloud.running_web(serviceConnectConfiguration=connected(arn))
    delete(cloud)
    cloud.wait(TEST.placement)
    assert [task["lastStatus"] for task in cloud.tasks("STOPPED")] == ["DEACTIVATING"]
    assert cloud.described()["status"] == "DRAINING"
    cloud.wait(TEST.registration)
    assert cloud.described()["status"] == "INACTIVE"


def test_no_task_is_replaced_while_its_service_drains(cloud: Cloud) -> None:
    """D06, D07."""
    cloud.running_web()
    delete(cloud)
    cloud.ecs.stop_task(cluster="shop", task=cloud.tasks()[0]["taskArn"])
    cloud.wait()
    assert cloud.tasks() == []
    assert cloud.described()["status"] == "INACTIVE"


def test_the_time_when_nothing_is_left_is_recorded(cloud: Cloud) -> None:
    """Tasks stopped and endpoint removed: the reference for measuring how long deletions wait."""
    arn = cloud.namespace()
    service = cloud.running_web(serviceConnectConfiguration=connected(arn))
    assert cloud.plane.gone_moments == {}
    delete(cloud)
    cloud.wait()
    gone = cloud.plane.gone_moments[service["serviceArn"]]
    assert gone < cloud.clock.now()
    stopped = cloud.tasks("STOPPED")[0]["stoppedAt"].timestamp()
    assert gone >= stopped - 0.001
    assert cloud.cloudmap.list_services()["Services"] == []


def test_a_service_of_the_same_name_can_be_created_at_once(cloud: Cloud) -> None:
    """D13, S07: the new one takes over neither the old one's tasks nor its end."""
    arn = cloud.namespace()
    old = cloud.running_web(serviceConnectConfiguration=connected(arn))
    delete(cloud)
    cloud.wait(TEST.placement + TEST.registration)
    with refused("InvalidParameterException") as error:
        cloud.service(serviceConnectConfiguration=connected(arn))
    assert "SC service is already used by" in error.message
    cloud.wait(TEST.discovery_removal)
    new = cloud.service(serviceConnectConfiguration=connected(arn))
    cloud.wait(TEST.inactive_visible)
    assert new["serviceArn"] == old["serviceArn"]
    assert new["serviceArn"] not in cloud.plane.gone_moments
    assert (cloud.described()["status"], cloud.described()["runningCount"]) == ("ACTIVE", 1)


def test_a_stopped_tasks_network_interface_is_deleted(cloud: Cloud) -> None:
    """D03, D08."""
    cloud.running_web()
    assert len(cloud.ec2.describe_network_interfaces()["NetworkInterfaces"]) == 1
    delete(cloud)
    cloud.wait()
    assert cloud.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
