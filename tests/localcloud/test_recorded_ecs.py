"""ECS, Cloud Map and EC2 answer as real AWS has answered: the records are in tests/recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.request_shape import operation_model
from localcloud.strict_response import StrictResponse
from localcloud.tasks.scripted import healthy, pull_failed
from localcloud.timings import TEST
from tests.localcloud.member_by_member import assert_as_recorded, unknown_members
from tests.localcloud.strict_cloud import Cloud, connected, health_check, web_container

SIDECAR = {"name": "exporter", "image": "registry/exporter:1", "essential": False}


@pytest.fixture(autouse=True)
def no_member_is_invented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever the local cloud answers in these tests has members of botocore's model only: on the
    wire the others would be lost, and nobody would notice."""
    answer = StrictResponse._answer
    unknown: list[str] = []

    def checked(self: StrictResponse, name: str) -> dict[str, Any]:
        given = answer(self, name)
        shape = operation_model(self.service, name).output_shape
        unknown.extend(f"{name}: {member}" for member in unknown_members(shape, given))
        return given

    monkeypatch.setattr(StrictResponse, "_answer", checked)
    yield
    assert unknown == []


def connected_task(cloud: Cloud) -> None:
    """A service "web" with a proxy, a sidecar and a health check, and its definition "web"."""
    cloud.runtime.script("registry/web:1", healthy(after=0.01))
    cloud.task_definition(
        cpu="512",
        memory="1024",
        containerDefinitions=[SIDECAR, web_container(healthCheck=health_check())],
    )
    cloud.service(serviceConnectConfiguration=connected(cloud.namespace()))


class TestDescribeTasks:
    def test_a_task_that_runs_with_service_connect(self, cloud: Cloud) -> None:
        cloud.cluster()
        connected_task(cloud)
        cloud.wait()
        (arn,) = cloud.ecs.list_tasks(cluster="shop")["taskArns"]
        answer = cloud.ecs.describe_tasks(cluster="shop", tasks=[arn])
        assert_as_recorded("ecs-describe-tasks-service-connect", answer)

    def test_a_task_that_was_just_placed(self, cloud: Cloud) -> None:
        cloud.cluster()
        cloud.task_definition()
        cloud.service()
        cloud.wait(TEST.placement)
        (task,) = cloud.tasks()
        assert_as_recorded("ecs-run-task-starting", task)

    def test_a_task_whose_image_was_not_pulled(self, cloud: Cloud) -> None:
        cloud.runtime.script("registry/web:1", pull_failed("CannotPullContainerError: not found"))
        cloud.running_web()
        arn = cloud.tasks("STOPPED")[0]["taskArn"]
        answer = cloud.ecs.describe_tasks(cluster="shop", tasks=[arn])
        assert_as_recorded("ecs-describe-tasks-stopped-pull-failed", answer)
