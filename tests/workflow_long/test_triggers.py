"""What events start: requests on the stack's bus, pushed images, closed pull requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from localcloud.account import ACCOUNT_ID, REGION
from localcloud.events.delivery import Delivery, undisturbed
from tests.requests import environment, web
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")

Json = dict[str, Any]
THREE_TIMES = (0.0, 0.01, 0.05)
"""Seconds until each delivery of one event."""


@pytest.fixture
def repeated(app: Application) -> Iterator[Application]:
    """Each of our, ECR's and CodeCommit's events comes three times (W01)."""

    def repeats(delivery: Delivery) -> tuple[float, ...]:
        source = (delivery.event or {}).get("source")
        told = source in ("bivouac.client", "aws.ecr", "aws.codecommit")
        return THREE_TIMES if told else (0.0,)

    app.cloud.deliveries.disturbance = repeats
    yield app
    app.cloud.deliveries.disturbance = undisturbed


def digests(app: Application, name: str) -> set[str]:
    client, cluster = app.client("ecs"), f"bivouac-{name}"
    arns = client.list_tasks(cluster=cluster, serviceName="web")["taskArns"]
    tasks = client.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    return {
        container["imageDigest"]
        for task in tasks
        for container in task["containers"]
        if container["name"] == "web"
    }


def test_an_event_that_comes_three_times_creates_one_environment(
    repeated: Application, name: str
) -> None:
    repeated.put("EnvironmentRequested", {"request": environment(name=name)})

    (creation,) = repeated.requested(repeated.create_machine, name, "create")

    repeated.ended(creation).succeeded()
    assert len(repeated.requested(repeated.create_machine, name, "create")) == 1
    assert repeated.record(name)["generation"] == 1
    repeated.delete(name).succeeded()
    assert repeated.left(name) == []


def test_a_pushed_image_is_redeployed_once(repeated: Application, name: str) -> None:
    image = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/{name}:main"
    repeated.push_image(name, "main")
    service = web(primaryContainer={"image": image, "containerPort": 80})
    triggers = {"imagePush": [{"repository": name, "tag": "main"}]}
    repeated.create(environment(service, name=name, triggers=triggers)).succeeded()
    before = digests(repeated, name)

    pushed = repeated.push_image(name, "main")

    (redeploy,) = repeated.requested(repeated.redeploy_machine, name, "redeploy")
    repeated.ended(redeploy).succeeded()
    assert digests(repeated, name) == {pushed} != before
    assert len(repeated.requested(repeated.redeploy_machine, name, "redeploy")) == 1
    assert repeated.record(name)["generation"] == 2
    repeated.delete(name).succeeded()


def test_an_environment_is_deleted_with_its_pull_request(repeated: Application, name: str) -> None:
    triggers = {"pullRequest": {"repository": name, "number": 7}}
    repeated.create(environment(name=name, triggers=triggers)).succeeded()

    repeated.close_pull_request(name, "7")

    (deletion,) = repeated.requested(repeated.delete_machine, name, "delete")
    repeated.ended(deletion).succeeded()
    assert repeated.left(name) == []
    assert len(repeated.requested(repeated.delete_machine, name, "delete")) == 1


def test_a_redeploy_after_the_teardown_changes_nothing(app: Application, name: str) -> None:
    """It was meant before, so it never brings the environment back."""
    created = app.create(environment(name=name)).succeeded()
    meant = {"id": "late", "at": created.events[0]["timestamp"].isoformat()}
    app.delete(name).succeeded()
    record, before = app.record(name), len(app.calls)

    late = app.redeploy(name, {"serviceName": "web", "image": "nginx:2"}, intent=meant)

    assert (late.status, late.states[-1]) == ("SUCCEEDED", "Environment left alone")
    assert late.output["because"] == "a later creation or deletion was followed before"
    assert app.calls.changes(since=before) == []
    assert app.record(name) == record
    assert app.left(name) == []


def test_an_impossible_request_is_undelivered_with_all_its_problems(
    app: Application, name: str
) -> None:
    app.put("RedeployRequested", {"environment": name, "serivces": [], "generation": "1"})

    body = app.undelivered(name)

    assert "detail.serivces: unknown field" in body
    assert "detail.generation" in body


def test_a_request_that_only_the_execution_refuses_is_undelivered(
    app: Application, name: str
) -> None:
    """Nobody reads how an execution ends that an event started."""
    asked = environment(web(desiredCount=1001), name=name, lease={"ttl": "999d"})
    app.put("EnvironmentRequested", {"request": asked})

    body = app.undelivered(f"{name}-create-")

    assert "UnansweredRequestError" in body
    assert "lease.ttl: 999d is longer than the stack's maximum of 7d" in body
    assert "1001 tasks in all" in body
    assert app.find_record(name) is None
    assert app.left(name) == []


def test_a_redeploy_that_only_its_execution_refuses_is_undelivered(
    app: Application, name: str
) -> None:
    """With the error of the create that the redeploy has started."""
    app.create(environment(name=name)).succeeded()
    role = "arn:aws:iam::123456789012:role/of-somebody"
    definition = {
        "taskRoleArn": role,
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "web",
                "image": "nginx",
                "portMappings": [{"name": "web", "containerPort": 80}],
            }
        ],
    }
    change = {"serviceName": "web", "taskDefinition": definition}
    app.put("RedeployRequested", {"environment": name, "services": [change]})

    body = app.undelivered(f"{name}-redeploy-")

    assert "UnansweredRequestError" in body
    assert "InvalidRequestError" in body
    assert f"{role} is not" in body
    app.delete(name).succeeded()


def test_a_refused_request_can_be_repeated_and_a_done_one_is_not_done_twice(
    app: Application, name: str
) -> None:
    """The intent is the same; each time it comes in another event."""
    clusters = app.client("ecs")
    clusters.create_cluster(clusterName=f"bivouac-{name}")
    meant = {"id": "build-7", "at": datetime.now(UTC).isoformat()}
    detail = {"request": environment(name=name), "intent": meant}
    app.put("EnvironmentRequested", detail)
    assert "ForeignResourceError" in app.undelivered(f"{name}-create-")
    clusters.delete_cluster(cluster=f"bivouac-{name}")

    app.put("EnvironmentRequested", detail)

    refused, created = app.requested(app.create_machine, name, "create", number=2)
    assert {app.ended(each).status for each in (refused, created)} == {"FAILED", "SUCCEEDED"}
    record = app.record(name)
    app.put("EnvironmentRequested", detail)
    app.put("LeaseExtensionRequested", {"environment": name, "keep": True})
    (extended,) = app.requested(app.extend_machine, name, "extend")
    app.ended(extended).succeeded()
    assert len(app.requested(app.create_machine, name, "create", number=2)) == 2
    assert record is not None
    assert app.record(name)["generation"] == record["generation"]
    app.delete(name).succeeded()
