"""Which events ECS sends to EventBridge about tasks, deployments and services, and which it does
not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localcloud.events.ecs import delivered
from localcloud.tasks.scripted import exits, healthy, in_turn, pull_failed, runs
from localcloud.timings import TEST
from tests.localcloud.sent_events import DEPLOYMENT, SERVICE, TASK, SentEvents
from tests.localcloud.strict_cloud import Cloud, connected, health_check, web_container

IMAGE = "registry/web:1"
NOT_FOUND = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"


def statuses(details: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(detail["lastStatus"], detail["desiredStatus"]) for detail in details]


class TestTasks:
    def test_each_task_status_is_sent_once_with_growing_versions(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """W01: events are ordered by detail.version."""
        cloud.running_web()
        cloud.ecs.stop_task(cluster="shop", task=cloud.tasks()[0]["taskArn"])
        cloud.wait(TEST.deprovisioning)
        first = sent.details(TASK)[0]["taskArn"]
        life = [detail for detail in sent.details(TASK) if detail["taskArn"] == first]
        assert list(dict.fromkeys(statuses(life))) == [
            ("PROVISIONING", "RUNNING"),
            ("PENDING", "RUNNING"),
            ("RUNNING", "RUNNING"),
            ("STOPPING", "STOPPED"),
            ("DEPROVISIONING", "STOPPED"),
            ("STOPPED", "STOPPED"),
        ]
        versions = [detail["version"] for detail in life]
        assert versions == list(range(1, len(life) + 1))

    def test_the_latest_event_equals_describe_tasks(self, cloud: Cloud, sent: SentEvents) -> None:
        cloud.running_web()
        (task,) = cloud.tasks()
        last = sent.of(TASK)[-1]
        assert last.resource == task["taskArn"]
        for name in ("clusterArn", "group", "lastStatus", "desiredStatus", "startedBy", "version"):
            assert last.detail[name] == task[name]
        for name in ("createdAt", "startedAt", "pullStartedAt", "pullStoppedAt", "connectivityAt"):
            assert last.detail[name] == task[name].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        assert last.detail["updatedAt"] == last.detail["startedAt"]
        (attachment,) = last.detail["attachments"]
        assert (attachment["type"], attachment["status"]) == ("eni", "ATTACHED")

    def test_a_stopped_tasks_event_has_the_reason(self, cloud: Cloud, sent: SentEvents) -> None:
        """H06, H07."""
        cloud.runtime.script(IMAGE, pull_failed(NOT_FOUND))
        cloud.running_web()
        stopped = next(d for d in sent.details(TASK) if d["lastStatus"] == "STOPPED")
        assert (stopped["stopCode"], stopped["stoppedReason"]) == ("TaskFailedToStart", NOT_FOUND)
        assert stopped["containers"][0]["reason"] == NOT_FOUND
        assert stopped["stoppingAt"] <= stopped["stoppedAt"]

    def test_a_container_that_stops_in_a_running_task_sends_an_event(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """A container that is not essential ends: the event has its exit code."""
        cloud.runtime.script("registry/migrate:1", exits(7, after=1))
        helper = {"name": "migrate", "image": "registry/migrate:1", "essential": False}
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(), helper])
        cloud.service()
        cloud.wait(1)
        sent.clear()
        cloud.wait()
        (detail,) = sent.details(TASK)
        assert statuses([detail]) == [("RUNNING", "RUNNING")]
        ended = {c["name"]: (c["lastStatus"], c.get("exitCode")) for c in detail["containers"]}
        assert ended == {"app": ("RUNNING", None), "migrate": ("STOPPED", 7)}
        assert cloud.tasks()[0]["version"] == detail["version"]

    def test_neither_health_nor_registration_sends_an_event(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """Only describing shows them; a task's version does not count them."""
        cloud.runtime.script(IMAGE, healthy(after=10))
        arn = cloud.namespace()
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(healthCheck=health_check())])
        cloud.service(serviceConnectConfiguration=connected(arn))
        cloud.wait(TEST.placement + TEST.provisioning + TEST.pull + TEST.registration / 2)
        before = cloud.tasks()[0]
        assert before["lastStatus"] == "RUNNING"
        sent.clear()
        cloud.wait(10)
        after = cloud.tasks()[0]
        assert (before["healthStatus"], after["healthStatus"]) == ("UNKNOWN", "HEALTHY")
        assert cloud.cloudmap.list_services()["Services"]
        assert sent.of(TASK) == []
        assert after["version"] == before["version"]
        assert not any("healthStatus" in detail for detail in sent.details(TASK))


class TestDeployments:
    def test_deployment_events_name_the_service_and_its_cluster(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        service = cloud.running_web()
        (deployment,) = service["deployments"]
        begun, completed = sent.of(DEPLOYMENT)
        assert begun.resource == completed.resource == service["serviceArn"]
        assert begun.detail == {
            "eventType": "INFO",
            "eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "clusterArn": service["clusterArn"],
            "deploymentId": deployment["id"],
            "updatedAt": begun.detail["updatedAt"],
            "reason": f"ECS deployment {deployment['id']} in progress.",
        }
        assert completed.detail["eventName"] == "SERVICE_DEPLOYMENT_COMPLETED"
        assert completed.detail["reason"] == f"ECS deployment {deployment['id']} completed."
        assert completed.detail["updatedAt"] > begun.detail["updatedAt"]

    def test_a_failed_deployment_is_sent_if_the_circuit_breaker_is_on(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """H02; without the breaker no event says that a deployment failed (H13)."""
        cloud.runtime.script(IMAGE, pull_failed(NOT_FOUND))
        cloud.running_web()
        assert sent.names(DEPLOYMENT) == ["SERVICE_DEPLOYMENT_IN_PROGRESS"]
        sent.clear()
        breaker = {"enable": True, "rollback": False}
        cloud.service("api", deploymentConfiguration={"deploymentCircuitBreaker": breaker})
        cloud.wait()
        failed = sent.details(DEPLOYMENT)[-1]
        assert (failed["eventType"], failed["eventName"]) == ("ERROR", "SERVICE_DEPLOYMENT_FAILED")
        assert failed["reason"] == "ECS deployment circuit breaker: tasks failed to start."

    def test_a_new_desired_count_is_no_deployment(self, cloud: Cloud, sent: SentEvents) -> None:
        """S19."""
        cloud.running_web()
        sent.clear()
        cloud.ecs.update_service(cluster="shop", service="web", desiredCount=2)
        cloud.wait()
        assert sent.of(DEPLOYMENT) == []
        assert sent.names(SERVICE) == ["SERVICE_STEADY_STATE"]


class TestServices:
    def test_a_steady_state_is_sent(self, cloud: Cloud, sent: SentEvents) -> None:
        service = cloud.running_web()
        (steady,) = sent.of(SERVICE)
        assert steady.resource == service["serviceArn"]
        assert steady.detail == {
            "eventType": "INFO",
            "eventName": "SERVICE_STEADY_STATE",
            "clusterArn": service["clusterArn"],
            "createdAt": steady.detail["createdAt"],
        }

    def test_repeatedly_failing_tasks_are_reported_once(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """H13, H25."""
        cloud.runtime.script(IMAGE, pull_failed(NOT_FOUND))
        cloud.running_web()
        (impaired,) = sent.details(SERVICE)
        assert impaired["eventType"] == "WARN"
        assert impaired["eventName"] == "SERVICE_TASK_START_IMPAIRED"

    def test_a_replaced_task_leads_to_another_steady_state(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        cloud.runtime.script(IMAGE, in_turn(exits(1, after=2), runs()))
        cloud.running_web()
        cloud.wait()
        assert sent.names(SERVICE) == ["SERVICE_STEADY_STATE", "SERVICE_STEADY_STATE"]

    def test_a_deleted_service_sends_only_its_tasks_events(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """D05: ACTIVE, DRAINING and INACTIVE send no event; the end of its tasks does."""
        cloud.running_web()
        sent.clear()
        cloud.ecs.delete_service(cluster="shop", service="web", force=True)
        cloud.wait()
        assert cloud.described()["status"] == "INACTIVE"
        assert sent.of(SERVICE) == sent.of(DEPLOYMENT) == []
        assert statuses(sent.details(TASK))[-1] == ("STOPPED", "STOPPED")


def test_the_event_has_the_form_that_a_rules_target_gets(cloud: Cloud, sent: SentEvents) -> None:
    service = cloud.running_web()
    event = delivered(sent.of(DEPLOYMENT)[0], cloud.plane.account)
    assert event == {
        "version": "0",
        "id": sent.of(DEPLOYMENT)[0].id,
        "detail-type": "ECS Deployment State Change",
        "source": "aws.ecs",
        "account": "123456789012",
        "time": event["time"],
        "region": "ap-northeast-1",
        "resources": [service["serviceArn"]],
        "detail": sent.of(DEPLOYMENT)[0].detail,
    }
    assert event["time"].endswith("Z")
