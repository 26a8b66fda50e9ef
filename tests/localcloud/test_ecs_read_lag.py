"""Reads that lag behind, as on AWS."""

from __future__ import annotations

from localcloud.timings import TEST
from tests.localcloud.sent_events import TASK, SentEvents
from tests.localcloud.strict_cloud import Cloud

LAG = 2.0


def test_a_lagging_read_returns_an_earlier_version_of_the_task(cloud: Cloud) -> None:
    """W01: if an event's version is above that of the answer, poll again."""
    cloud.running_web()
    sent = SentEvents(cloud)
    cloud.plane.read_lag = LAG
    task_arn = cloud.tasks()[0]["taskArn"]
    cloud.ecs.stop_task(cluster="shop", task=task_arn)
    cloud.wait(0)
    (seen,) = cloud.tasks()
    assert (seen["taskArn"], seen["lastStatus"]) == (task_arn, "RUNNING")
    assert seen["version"] < sent.details(TASK)[-1]["version"]
    cloud.wait(LAG + TEST.deprovisioning)
    (stopped,) = (task for task in cloud.tasks("STOPPED") if task["taskArn"] == task_arn)
    assert stopped["lastStatus"] == "STOPPED"


def test_a_new_service_is_missing_until_reads_catch_up(cloud: Cloud) -> None:
    """S18: MISSING right after CreateService does not mean that it does not exist."""
    cloud.cluster_and_definition()
    cloud.plane.read_lag = LAG
    cloud.service()
    answer = cloud.ecs.describe_services(cluster="shop", services=["web"])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    assert cloud.ecs.list_services(cluster="shop")["serviceArns"] == []
    cloud.wait(LAG)
    assert cloud.described()["status"] == "ACTIVE"


def test_a_new_cluster_exists_and_is_empty(cloud: Cloud) -> None:
    cloud.plane.read_lag = LAG
    cloud.running_web()
    cloud.wait()
    cloud.cluster("other")
    assert cloud.ecs.list_tasks(cluster="other")["taskArns"] == []
    assert len(cloud.tasks(cluster="shop")) == 1


def test_states_are_read_in_order(cloud: Cloud) -> None:
    cloud.cluster_and_definition()
    cloud.plane.read_lag = LAG
    cloud.service()
    cloud.wait(LAG)
    seen = []
    for seconds in (TEST.placement, TEST.provisioning, TEST.pull):
        cloud.wait(seconds)
        seen.append(cloud.tasks()[0]["lastStatus"])
    assert seen == ["PROVISIONING", "PENDING", "RUNNING"]


def test_changes_apply_to_the_present_state(cloud: Cloud) -> None:
    """Only reads lag: UpdateService works on a service that reads do not show yet."""
    cloud.cluster_and_definition()
    cloud.plane.read_lag = LAG
    cloud.service()
    updated = cloud.ecs.update_service(cluster="shop", service="web", desiredCount=2)
    assert updated["service"]["desiredCount"] == 2


def test_without_a_lag_reads_return_the_present_state(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.plane.read_lag = LAG
    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=3)
    assert cloud.described()["desiredCount"] == 1
    cloud.plane.read_lag = 0
    assert cloud.described()["desiredCount"] == 3
