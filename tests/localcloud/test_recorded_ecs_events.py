"""ECS's events equal AWS's recorded ones: the records are in tests/recorded."""

from __future__ import annotations

import pytest

from localcloud.request_shape import service_model
from localcloud.tasks.scripted import ignores_sigterm, pull_failed
from tests.localcloud.member_by_member import assert_as_recorded, unknown_members
from tests.localcloud.sent_events import SentEvents
from tests.localcloud.strict_cloud import Cloud, web_container


def a_life(cloud: Cloud) -> None:
    """A service with one task that ECS Exec can enter, which is scaled in and has to be killed."""
    cloud.runtime.script("registry/web:1", ignores_sigterm())
    cloud.cluster()
    cloud.task_definition(
        taskRoleArn=cloud.role_arn, containerDefinitions=[web_container(memory=512)]
    )
    cloud.service(enableExecuteCommand=True)
    cloud.wait()
    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=0)
    cloud.wait()


def test_a_task_that_was_scaled_in(cloud: Cloud, sent: SentEvents) -> None:
    a_life(cloud)
    assert_as_recorded("ecs-event-task-stopped-scaling", sent.first(lastStatus="STOPPED"))


def test_a_task_that_starts(cloud: Cloud, sent: SentEvents) -> None:
    a_life(cloud)
    assert_as_recorded("ecs-event-task-provisioning", sent.first(lastStatus="PROVISIONING"))


def test_a_tasks_event_has_members_of_its_description_only(cloud: Cloud, sent: SentEvents) -> None:
    """The API's model has no events. Recorded ones have the members of a task, the event's time,
    and the status of agents under another name. None has a health status."""
    a_life(cloud)
    task = service_model("ecs").shape_for("Task")
    for event in sent.delivered():
        if event["detail-type"] == "ECS Task State Change":
            unknown = unknown_members(task, event["detail"])
            assert {name.rsplit("[")[-1] for name in unknown} <= {".updatedAt", "0].status"}
            assert "healthStatus" not in event["detail"]


@pytest.mark.parametrize("state", ["in-progress", "completed"])
def test_a_deployment(cloud: Cloud, sent: SentEvents, state: str) -> None:
    a_life(cloud)
    name = f"SERVICE_DEPLOYMENT_{state.replace('-', '_').upper()}"
    assert_as_recorded(f"ecs-event-deployment-{state}", sent.first(eventName=name))


def test_a_steady_state(cloud: Cloud, sent: SentEvents) -> None:
    a_life(cloud)
    steady = sent.first(eventName="SERVICE_STEADY_STATE")
    assert_as_recorded("ecs-event-service-steady-state", steady)


def test_repeatedly_failing_tasks(cloud: Cloud, sent: SentEvents) -> None:
    cloud.runtime.script("registry/web:1", pull_failed("CannotPullContainerError: not found"))
    cloud.running_web()
    impaired = sent.first(eventName="SERVICE_TASK_START_IMPAIRED")
    assert_as_recorded("ecs-event-service-task-start-impaired", impaired)
    assert "reason" not in impaired["detail"]
