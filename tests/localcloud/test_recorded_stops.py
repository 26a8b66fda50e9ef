"""Tasks stop with AWS's recorded codes and texts: ecs-stopped-tasks.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from localcloud.account import REGION
from localcloud.tasks.scripted import Script, exits, pull_failed, unhealthy
from tests.localcloud.member_by_member import differences, recorded
from tests.localcloud.strict_cloud import Cloud, connected, health_check, web_container

STOPS: dict[str, dict[str, Any]] = recorded("ecs-stopped-tasks")
NOT_FOUND = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    "failed to resolve ref registry/web:1: not found"
)
OUT_OF_MEMORY = "OutOfMemoryError: container killed due to memory usage"


def scripted(script: Script, **container: Any) -> Callable[[Cloud], None]:
    def play(cloud: Cloud) -> None:
        cloud.runtime.script("registry/web:1", script)
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(**container)])
        cloud.service()

    return play


def scaled_in(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=0)


def stopped_by_a_user(cloud: Cloud) -> None:
    cloud.running_web()
    task = cloud.tasks()[0]["taskArn"]
    cloud.ecs.stop_task(cluster="shop", task=task, reason="phase4 availability test")


def missing_secret(cloud: Cloud) -> None:
    arn = cloud.plane.account.arn("secretsmanager", "secret:nobody-AbCdEf")
    scripted(Script(), secrets=[{"name": "PASSWORD", "valueFrom": arn}])(cloud)


def secret_without_key(cloud: Cloud) -> None:
    client: Any = boto3.client("secretsmanager", region_name=REGION)
    arn = client.create_secret(Name="db", SecretString='{"user": "shop"}')["ARN"]
    scripted(Script(), secrets=[{"name": "PASSWORD", "valueFrom": f"{arn}:password::"}])(cloud)


def missing_log_group(cloud: Cloud) -> None:
    options = {
        "awslogs-group": "/nowhere",
        "awslogs-region": REGION,
        "awslogs-stream-prefix": "web",
    }
    scripted(Script(), logConfiguration={"logDriver": "awslogs", "options": options})(cloud)


def no_interface(cloud: Cloud) -> None:
    cloud.plane.obstacles.fail_provisioning("web")
    scripted(Script())(cloud)


WAYS: dict[str, Callable[[Cloud], None]] = {
    "image pull": scripted(pull_failed(NOT_FOUND)),
    "container exit": scripted(exits(1)),
    "out of memory": scripted(exits(137, reason=OUT_OF_MEMORY)),
    "health check": scripted(unhealthy(), healthCheck=health_check()),
    "scaled in": scaled_in,
    "stopped by a user": stopped_by_a_user,
    "secret that does not exist": missing_secret,
    "secret without its key": secret_without_key,
    "log group that does not exist": missing_log_group,
    "no network interface": no_interface,
}


def test_every_recorded_stop_is_tested() -> None:
    assert WAYS.keys() == STOPS.keys()


@pytest.mark.parametrize("way", STOPS)
def test_stopped_tasks_have_awss_codes_and_reasons(cloud: Cloud, way: str) -> None:
    WAYS[way](cloud)
    cloud.wait()
    stopped = cloud.tasks("STOPPED")[0]
    assert stopped["lastStatus"] == "STOPPED"
    assert differences(STOPS[way]["task"], stopped) == []


def test_a_connected_task_is_deactivated_before_it_stops(cloud: Cloud) -> None:
    """StopTask answered this for a service with Service Connect (a lab of 2026-07-22,
    devops-g3)."""
    cloud.running_web(serviceConnectConfiguration=connected(cloud.namespace()))
    task = cloud.tasks()[0]["taskArn"]
    assert cloud.ecs.stop_task(cluster="shop", task=task)["task"]["lastStatus"] == "DEACTIVATING"
