"""Deployments that fail: when the circuit breaker trips, what it rolls back to, which events
follow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from localcloud.ecs.circuit_breaker import pause, threshold
from localcloud.tasks.scripted import exits, in_turn, pull_failed, runs, unhealthy
from localcloud.timings import TEST
from tests.localcloud.sent_events import DEPLOYMENT, SentEvents
from tests.localcloud.strict_cloud import Cloud, connected, health_check, web_container

BROKEN = "registry/web:broken"
NOT_FOUND = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"
LONG = 30.0


def breaker(rollback: bool = True, **more: Any) -> dict[str, Any]:
    return {"deploymentCircuitBreaker": {"enable": True, "rollback": rollback, **more}}


def deploy_broken(cloud: Cloud, **changes: Any) -> dict[str, Any]:
    """Updates the service to an image that cannot be pulled; returns the new deployment."""
    cloud.runtime.script(BROKEN, pull_failed(NOT_FOUND))
    cloud.task_definition(containerDefinitions=[web_container(image=BROKEN)])
    answer = cloud.ecs.update_service(
        cluster="shop", service="web", taskDefinition="web", **changes
    )
    deployment: dict[str, Any] = answer["service"]["deployments"][0]
    return deployment


def rollouts(cloud: Cloud) -> list[tuple[str, str, str]]:
    return [
        (item["status"], item["taskDefinition"][-5:], item["rolloutState"])
        for item in cloud.described()["deployments"]
    ]


def wait_until_failed(cloud: Cloud, deployment_id: str) -> None:
    for _ in range(1000):
        states = {d["id"]: d["rolloutState"] for d in cloud.described()["deployments"]}
        if states.get(deployment_id) == "FAILED":
            return
        cloud.wait(0.01)
    raise AssertionError(f"{deployment_id} does not fail")


class TestThreshold:
    @pytest.mark.parametrize(
        ("desired", "expected"), [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)]
    )
    def test_the_default_threshold_is_half_of_the_desired_tasks(
        self, desired: int, expected: int
    ) -> None:
        """H24: at least 3, at most 200; the guide's own table."""
        assert threshold({"enable": True, "rollback": True}, desired) == expected

    @pytest.mark.parametrize(
        ("kind", "value", "expected"),
        [("COUNT", 2, 2), ("UNBOUNDED_PERCENT", 10, 1), ("BOUNDED_PERCENT", 10, 3)],
    )
    def test_a_configured_threshold(self, kind: str, value: int, expected: int) -> None:
        configured = {"thresholdConfiguration": {"type": kind, "value": value}}
        assert threshold(configured, 10) == expected

    def test_pauses_grow_from_the_third_failure_up_to_the_longest(self) -> None:
        """H13."""
        assert [pause(n, 5, 30) for n in range(7)] == [5, 5, 5, 10, 20, 30, 30]


class TestWithoutRollback:
    def test_a_failed_deployment_stays_and_starts_no_more_tasks(self, cloud: Cloud) -> None:
        """H02."""
        cloud.runtime.script("registry/web:1", pull_failed(NOT_FOUND))
        service = cloud.running_web(deploymentConfiguration=breaker(rollback=False))
        (deployment,) = service["deployments"]
        assert (deployment["rolloutState"], deployment["failedTasks"]) == ("FAILED", 3)
        assert (
            deployment["rolloutStateReason"]
            == "ECS deployment circuit breaker: tasks failed to start."
        )
        started = len(cloud.tasks("STOPPED"))
        cloud.wait(LONG)
        assert len(cloud.tasks("STOPPED")) == started == 3
        assert rollouts(cloud) == [("PRIMARY", "web:1", "FAILED")]

    def test_the_previous_deployments_tasks_keep_running(self, cloud: Cloud) -> None:
        cloud.running_web(deploymentConfiguration=breaker(rollback=False))
        deploy_broken(cloud)
        cloud.wait(LONG)
        assert rollouts(cloud) == [
            ("PRIMARY", "web:2", "FAILED"),
            ("ACTIVE", "web:1", "COMPLETED"),
        ]
        assert [task["lastStatus"] for task in cloud.tasks()] == ["RUNNING"]

    def test_a_first_deployment_cannot_be_rolled_back(self, cloud: Cloud) -> None:
        """H02: a rollback needs a deployment that was COMPLETED."""
        cloud.runtime.script("registry/web:1", pull_failed(NOT_FOUND))
        cloud.running_web(deploymentConfiguration=breaker(rollback=True))
        cloud.wait(LONG)
        assert rollouts(cloud) == [("PRIMARY", "web:1", "FAILED")]

    def test_a_new_deployment_is_not_delayed_by_a_failed_one(self, cloud: Cloud) -> None:
        """H13: an update returns a throttled service to normal at once."""
        cloud.runtime.script("registry/web:1", pull_failed(NOT_FOUND))
        cloud.running_web()
        cloud.wait(LONG)
        cloud.task_definition(containerDefinitions=[web_container(image="registry/web:good")])
        cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
        cloud.wait(TEST.placement + TEST.provisioning + TEST.pull)
        assert [task["lastStatus"] for task in cloud.tasks()] == ["RUNNING"]


class TestRollback:
    def test_the_last_completed_deployment_becomes_primary_again(self, cloud: Cloud) -> None:
        """H03: what is then steady is not what the update asked for."""
        (good,) = cloud.running_web(deploymentConfiguration=breaker())["deployments"]
        (task,) = cloud.tasks()
        failed = deploy_broken(cloud)
        wait_until_failed(cloud, failed["id"])
        primary, active = cloud.described()["deployments"]
        assert (primary["id"], primary["rolloutState"]) == (good["id"], "IN_PROGRESS")
        assert primary["rolloutStateReason"] == (
            f"ECS deployment circuit breaker: rolling back to deploymentId {good['id']}."
        )
        assert active["rolloutStateReason"] == (
            "ECS deployment circuit breaker: tasks failed to start."
        )
        assert cloud.described()["taskDefinition"].endswith("web:1")
        cloud.wait()
        assert rollouts(cloud) == [("PRIMARY", "web:1", "COMPLETED")]
        assert [item["taskArn"] for item in cloud.tasks()] == [task["taskArn"]]

    def test_the_service_events_report_failure_rollback_and_steady_state(
        self, cloud: Cloud
    ) -> None:
        """H12: "rolling back"."""
        (good,) = cloud.running_web(deploymentConfiguration=breaker())["deployments"]
        failed = deploy_broken(cloud)
        wait_until_failed(cloud, failed["id"])
        cloud.wait()
        events = cloud.events()
        story = [
            f"(service web) (deployment {failed['id']}) deployment failed: tasks failed to start.",
            f"(service web) rolling back to deployment {good['id']}.",
            f"(service web) (deployment {good['id']}) deployment completed.",
            "(service web) has reached a steady state.",
        ]
        assert list(reversed(events[: len(story)])) == story

    def test_eventbridge_gets_the_events_of_both_deployments(self, cloud: Cloud) -> None:
        (good,) = cloud.running_web(deploymentConfiguration=breaker())["deployments"]
        sent = SentEvents(cloud)
        failed = deploy_broken(cloud)
        cloud.wait(LONG)
        changes = sent.details(DEPLOYMENT)
        assert [(c["eventName"][19:], c["deploymentId"]) for c in changes] == [
            ("IN_PROGRESS", failed["id"]),
            ("FAILED", failed["id"]),
            ("IN_PROGRESS", good["id"]),
            ("COMPLETED", good["id"]),
        ]
        assert changes[1]["eventType"] == "ERROR"
        assert "rolling back to deploymentId" in changes[2]["reason"]

    def test_stopped_tasks_of_the_good_deployment_are_started_again(self, cloud: Cloud) -> None:
        """At 0 percent healthy, none of the good deployment's tasks is left when the new one
        fails."""
        percents = {"minimumHealthyPercent": 0, "maximumPercent": 100}
        cloud.running_web(deploymentConfiguration={**breaker(), **percents})
        (before,) = cloud.tasks()
        failed = deploy_broken(cloud)
        cloud.wait(0.3)
        assert rollouts(cloud) == [("PRIMARY", "web:2", "IN_PROGRESS")]
        wait_until_gone(cloud, failed["id"])
        cloud.wait()
        assert rollouts(cloud) == [("PRIMARY", "web:1", "COMPLETED")]
        (after,) = cloud.tasks()
        assert after["taskArn"] != before["taskArn"]
        assert after["startedBy"] == before["startedBy"]

    def test_failed_health_checks_trip_the_breaker(self, cloud: Cloud) -> None:
        """H05: such tasks have run, and have never been healthy."""
        check = health_check()
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(healthCheck=check)])
        cloud.service(deploymentConfiguration=breaker())
        cloud.wait()
        cloud.runtime.script(BROKEN, unhealthy())
        broken = web_container(image=BROKEN, healthCheck=check)
        cloud.task_definition(containerDefinitions=[broken])
        cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
        cloud.wait(LONG)
        assert rollouts(cloud) == [("PRIMARY", "web:1", "COMPLETED")]
        assert any("rolling back" in text for text in cloud.events())

    @pytest.mark.parametrize(("resets", "outcome"), [(True, "web:2"), (False, "web:1")])
    def test_a_healthy_task_resets_the_count_unless_configured_otherwise(
        self, cloud: Cloud, resets: bool, outcome: str
    ) -> None:
        configuration = breaker(resetOnHealthyTask=resets)
        cloud.running_web(desiredCount=2, deploymentConfiguration=configuration)
        scripts: Sequence[Any] = [
            pull_failed(NOT_FOUND),
            runs(),
            pull_failed(NOT_FOUND),
            pull_failed(NOT_FOUND),
            runs(),
        ]
        cloud.runtime.script(BROKEN, in_turn(*scripts))
        cloud.task_definition(containerDefinitions=[web_container(image=BROKEN)])
        cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
        cloud.wait(LONG)
        assert [state[1] for state in rollouts(cloud)] == [outcome]

    def test_a_task_that_ran_before_it_ended_does_not_count(self, cloud: Cloud) -> None:
        """H11, H24: so Bivouac must recognise a crash loop after RUNNING itself."""
        cloud.running_web(deploymentConfiguration=breaker())
        cloud.runtime.script(BROKEN, exits(1, after=0.02))
        cloud.task_definition(containerDefinitions=[web_container(image=BROKEN)])
        cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
        cloud.wait(LONG)
        primary = cloud.described()["deployments"][0]
        assert primary["taskDefinition"].endswith("web:2")
        assert primary["failedTasks"] == 0

    def test_the_failed_deployments_endpoints_are_removed(self, cloud: Cloud) -> None:
        """S07, without that fault: a rollback leaves nothing behind."""
        namespace = cloud.namespace()
        cloud.running_web(
            serviceConnectConfiguration=connected(namespace), deploymentConfiguration=breaker()
        )
        renamed = connected(
            namespace, discoveryName="new", clientAliases=[{"port": 80, "dnsName": "new"}]
        )
        deploy_broken(cloud, serviceConnectConfiguration=renamed)
        assert discovery_names(cloud) == {"web", "new"}
        cloud.wait(LONG)
        assert discovery_names(cloud) == {"web"}

    def test_a_service_deleted_during_a_rollback_leaves_no_endpoint(self, cloud: Cloud) -> None:
        """S07, N11."""
        namespace = cloud.namespace()
        cloud.running_web(
            serviceConnectConfiguration=connected(namespace), deploymentConfiguration=breaker()
        )
        renamed = connected(
            namespace, discoveryName="new", clientAliases=[{"port": 80, "dnsName": "new"}]
        )
        failed = deploy_broken(cloud, serviceConnectConfiguration=renamed)
        wait_until_failed(cloud, failed["id"])
        assert discovery_names(cloud) == {"web", "new"}
        cloud.ecs.delete_service(cluster="shop", service="web", force=True)
        cloud.wait()
        assert discovery_names(cloud) == set()


class TestThrottling:
    def test_failing_starts_are_retried_at_growing_intervals(self, cloud: Cloud) -> None:
        """H13."""
        cloud.runtime.script("registry/web:1", pull_failed(NOT_FOUND))
        cloud.running_web()
        cloud.wait(LONG)
        created = [task["createdAt"].timestamp() for task in cloud.tasks("STOPPED")]
        intervals = [later - earlier for earlier, later in pairwise(created)]
        assert intervals[0] == pytest.approx(intervals[1], abs=0.01)
        assert intervals[-1] > TEST.longest_restart_delay > 5 * intervals[0]
        assert [round(i, 3) for i in intervals] == sorted(round(i, 3) for i in intervals)

    def test_each_failed_start_is_an_event_with_its_reason(self, cloud: Cloud) -> None:
        """H07, H12: the scheduler repeats the task's stopped reason."""
        cloud.runtime.script("registry/web:1", pull_failed(NOT_FOUND))
        cloud.running_web()
        assert f"(service web) was unable to place a task. Reason: {NOT_FOUND}." in cloud.events()


def discovery_names(cloud: Cloud) -> set[str]:
    return {item["Name"] for item in cloud.cloudmap.list_services()["Services"]}


def wait_until_gone(cloud: Cloud, deployment_id: str) -> None:
    for _ in range(3000):
        if all(d["id"] != deployment_id for d in cloud.described()["deployments"]):
            return
        cloud.wait(0.01)
    raise AssertionError(f"{deployment_id} stays")
