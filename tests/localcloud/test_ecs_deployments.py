"""Deployments: which changes begin one, how it rolls, when it is complete."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.tasks.scripted import never_starts, pull_failed, runs
from localcloud.timings import TEST
from tests.localcloud.strict_cloud import Cloud, connected, web_container


def update(cloud: Cloud, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.ecs.update_service(cluster="shop", service="web", **changes)
    return dict(answer["service"])


def deployments(cloud: Cloud) -> list[tuple[str, int]]:
    return [(item["status"], item["runningCount"]) for item in cloud.described()["deployments"]]


def test_completed_comes_later_than_ready(cloud: Cloud) -> None:
    """H01: the simulator's own time is the reference for measuring waits."""
    cloud.cluster_and_definition()
    service = cloud.service()
    began = cloud.clock.now()
    cloud.wait(TEST.placement + TEST.provisioning + TEST.pull)
    ready = cloud.plane.ready_moments[service["serviceArn"]]
    assert [deployment for deployment, _ in ready] == [service["deployments"][0]["id"]]
    assert ready[0][1] == pytest.approx(began + TEST.placement + TEST.provisioning + TEST.pull)
    assert cloud.described()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    cloud.wait(TEST.steady)
    (deployment,) = cloud.described()["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."


def test_a_connected_deployment_is_ready_only_when_it_is_registered(cloud: Cloud) -> None:
    """P03, H21."""
    arn = cloud.namespace()
    cloud.cluster_and_definition()
    service = cloud.service(serviceConnectConfiguration=connected(arn))
    cloud.wait(TEST.placement + TEST.provisioning + TEST.pull + TEST.registration / 2)
    assert cloud.described()["runningCount"] == 1
    assert cloud.plane.ready_moments == {}
    cloud.wait(TEST.registration / 2)
    assert list(cloud.plane.ready_moments) == [service["serviceArn"]]


def test_a_new_desired_count_alone_starts_no_deployment(cloud: Cloud) -> None:
    """S19."""
    (before,) = cloud.running_web()["deployments"]
    update(cloud, desiredCount=3)
    cloud.wait()
    (after,) = cloud.described()["deployments"]
    assert (after["id"], after["runningCount"]) == (before["id"], 3)
    update(cloud, desiredCount=1)
    cloud.wait()
    assert deployments(cloud) == [("PRIMARY", 1)]
    assert {task["stoppedReason"] for task in cloud.tasks("STOPPED")} == {
        f"Scaling activity initiated by (deployment {before['id']})"
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"forceNewDeployment": True}, id="forced"),
        pytest.param({"taskDefinition": "web"}, id="task definition"),
        pytest.param({"serviceConnectConfiguration": {"enabled": False}}, id="Service Connect"),
    ],
)
def test_other_changes_start_a_deployment(cloud: Cloud, changes: dict[str, Any]) -> None:
    """S19."""
    (before,) = cloud.running_web()["deployments"]
    primary, old = update(cloud, **changes)["deployments"]
    assert (primary["status"], primary["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    assert (old["status"], old["id"]) == ("ACTIVE", before["id"])
    cloud.wait()
    (after,) = cloud.described()["deployments"]
    assert (after["id"], after["rolloutState"]) == (primary["id"], "COMPLETED")


def test_old_tasks_stop_only_when_new_ones_have_replaced_them(cloud: Cloud) -> None:
    cloud.running_web(desiredCount=2)
    cloud.runtime.script("registry/web:2", runs(after=1))
    cloud.task_definition(containerDefinitions=[web_container(image="registry/web:2")])
    update(cloud, taskDefinition="web")
    cloud.wait(1)
    assert deployments(cloud) == [("PRIMARY", 0), ("ACTIVE", 2)]
    cloud.wait()
    assert deployments(cloud) == [("PRIMARY", 2)]
    assert {task["taskDefinitionArn"][-5:] for task in cloud.tasks()} == {"web:2"}


def test_a_deployment_makes_room_within_its_percentages(cloud: Cloud) -> None:
    """At 50 to 100 percent of two, one task is replaced at a time."""
    cloud.running_web(
        desiredCount=2,
        deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100},
    )
    update(cloud, forceNewDeployment=True)
    running, live = [], []
    for _ in range(100):
        cloud.wait(0.02)
        running.append(cloud.described()["runningCount"])
        live.append(len(cloud.tasks()))
    assert (min(running), max(live)) == (1, 2)
    assert deployments(cloud) == [("PRIMARY", 2)]


class TestUpdateDuringUpdate:
    """Only the newest deployment starts tasks, whatever state the earlier ones are in."""

    def test_the_unfinished_tasks_of_the_middle_deployment_are_stopped(self, cloud: Cloud) -> None:
        cloud.running_web(desiredCount=2)
        cloud.runtime.script("registry/web:2", never_starts())
        cloud.task_definition(containerDefinitions=[web_container(image="registry/web:2")])
        update(cloud, taskDefinition="web")
        cloud.wait(1)
        assert deployments(cloud) == [("PRIMARY", 0), ("ACTIVE", 2)]
        cloud.task_definition(containerDefinitions=[web_container(image="registry/web:3")])
        update(cloud, taskDefinition="web")
        assert len(deployments(cloud)) == 3
        cloud.wait()
        assert deployments(cloud) == [("PRIMARY", 2)]
        started = [task.containers[0].image for task in cloud.runtime.handed_over]
        assert started == [f"registry/web:{n}" for n in (1, 1, 2, 2, 3, 3)]

    def test_no_replaced_deployment_starts_a_task(self, cloud: Cloud) -> None:
        """D07: a task of an old deployment that ends is replaced by one of the newest."""
        cloud.running_web(desiredCount=2)
        old = cloud.tasks()[0]["taskArn"]
        cloud.runtime.script("registry/web:2", runs(after=2))
        cloud.task_definition(containerDefinitions=[web_container(image="registry/web:2")])
        update(cloud, taskDefinition="web")
        cloud.wait(1)
        cloud.ecs.stop_task(cluster="shop", task=old)
        cloud.wait(1)
        live = [task["taskDefinitionArn"][-5:] for task in cloud.tasks()]
        assert sorted(live) == ["web:1", "web:2", "web:2"]

    @pytest.mark.parametrize(
        ("most", "least"), [(200, 100), (150, 50), (100, 50), (200, 0)], ids=str
    )
    def test_the_percentages_hold_throughout(self, cloud: Cloud, most: int, least: int) -> None:
        percents = {"minimumHealthyPercent": least, "maximumPercent": most}
        cloud.running_web(desiredCount=4, deploymentConfiguration=percents)
        for step in range(120):
            if step % 13 == 0 and step < 60:
                update(cloud, forceNewDeployment=True)
            cloud.wait(0.01)
            live = len(cloud.tasks())
            assert live <= 4 * most / 100
            assert cloud.described()["runningCount"] >= 4 * least / 100
        cloud.wait()
        assert deployments(cloud) == [("PRIMARY", 4)]


def test_percentages_that_leave_no_room_are_reported(cloud: Cloud) -> None:
    """H19: one task, which must not stop, and no second one allowed."""
    cloud.running_web(deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150})
    update(cloud, forceNewDeployment=True)
    cloud.wait(60)
    assert deployments(cloud) == [("PRIMARY", 0), ("ACTIVE", 1)]
    blocked = [text for text in cloud.events() if "service deployment configuration" in text]
    assert len(blocked) == 1


def test_a_new_image_that_cannot_be_pulled_leaves_the_old_tasks_running(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.runtime.script("registry/web:2", pull_failed("CannotPullContainerError: not found"))
    cloud.task_definition(containerDefinitions=[web_container(image="registry/web:2")])
    update(cloud, taskDefinition="web")
    cloud.wait()
    assert deployments(cloud) == [("PRIMARY", 0), ("ACTIVE", 1)]


def test_a_service_without_tasks_is_ready_at_once(cloud: Cloud) -> None:
    service = cloud.running_web(desiredCount=0)
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert service["serviceArn"] in cloud.plane.ready_moments


def test_the_events_are_listed_newest_first(cloud: Cloud) -> None:
    """H12."""
    service = cloud.running_web()
    (task,) = cloud.tasks()
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    deployment = service["deployments"][0]["id"]
    assert cloud.events() == [
        "(service web) has reached a steady state.",
        f"(service web) (deployment {deployment}) deployment completed.",
        f"(service web) has started 1 tasks: (task {task_id}).",
    ]


def test_at_most_a_hundred_events_are_shown(cloud: Cloud) -> None:
    """H25."""
    cloud.runtime.script("registry/web:1", pull_failed("CannotPullContainerError: not found"))
    cloud.running_web()
    cloud.wait(120)
    assert len(cloud.events()) == 100


def test_a_new_endpoint_name_removes_the_old_endpoint(cloud: Cloud) -> None:
    arn = cloud.namespace()
    cloud.running_web(serviceConnectConfiguration=connected(arn))
    update(
        cloud,
        serviceConnectConfiguration=connected(
            arn, discoveryName="new", clientAliases=[{"port": 80, "dnsName": "new"}]
        ),
    )
    names = {item["Name"] for item in cloud.cloudmap.list_services()["Services"]}
    assert names == {"web", "new"}
    cloud.wait()
    names = {item["Name"] for item in cloud.cloudmap.list_services()["Services"]}
    assert names == {"new"}
