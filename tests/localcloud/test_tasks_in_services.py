"""Services of the strict ECS whose tasks are real processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bivouac.proof import edge_command
from localcloud.clock import SystemClock
from localcloud.strict import mock_account
from localcloud.tasks.isolation import CannotIsolateError, Kind
from localcloud.tasks.processes import ProcessRuntime
from localcloud.timings import TEST
from tests.localcloud.proofs import PYTHON, edge
from tests.localcloud.strict_cloud import Cloud, connected, fargate_task, web_container
from tests.localcloud.waiting import until_true


@pytest.fixture(params=["namespace", "proxy"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Both kinds of isolation."""
    isolation: Kind = request.param
    try:
        runtime = ProcessRuntime(isolation=isolation, health_scale=TEST.health_scale)
    except CannotIsolateError as refusal:
        pytest.skip(str(refusal))
    clock = SystemClock()
    try:
        with mock_account(clock=clock, runtime=runtime) as plane:
            yield Cloud(plane)
    finally:
        clock.close()


def proof_client() -> dict[str, Any]:
    """A task that keeps running while it calls its one edge, web:80."""
    idle = {"name": "idle", "image": PYTHON, "command": list(edge_command.IDLE_COMMAND)}
    asks = edge_command.command(edge("web"), 1)
    proof = {"name": "edge-1", "image": PYTHON, "command": asks, "essential": False}
    return fargate_task("client", containerDefinitions=[idle, proof])


def exit_code(cloud: Cloud, besides: set[str]) -> tuple[str, int]:
    """(task, exit code of its edge) of the running client that is not in `besides`."""
    found: list[tuple[str, int]] = []

    def ended() -> bool:
        found[:] = [
            (task["taskArn"], container["exitCode"])
            for task in cloud.tasks()
            if task["group"] == "service:client" and task["taskArn"] not in besides
            for container in task["containers"]
            if container["name"] == "edge-1" and "exitCode" in container
        ]
        return bool(found)

    until_true(ended)
    return found[0]


def test_a_client_reaches_only_what_existed_when_its_deployment_began(cloud: Cloud) -> None:
    """P08: tasks that replace it resolve no more; those of a new deployment do."""
    # First: for a moment CreateService does not see it (C08).
    cloud.ecs.create_cluster(clusterName="shop")
    operation = cloud.cloudmap.create_http_namespace(Name="shop")["OperationId"]

    def made() -> dict[str, Any]:
        answer: dict[str, Any] = cloud.cloudmap.get_operation(OperationId=operation)["Operation"]
        return answer

    until_true(lambda: made()["Status"] == "SUCCESS")
    namespace = cloud.cloudmap.get_namespace(Id=made()["Targets"]["NAMESPACE"])["Namespace"]["Arn"]
    cloud.ecs.register_task_definition(**proof_client())
    echo = web_container(image="bivouac/echo")
    cloud.task_definition(containerDefinitions=[echo])

    joins = {"enabled": True, "namespace": namespace}
    cloud.service("client", taskDefinition="client", serviceConnectConfiguration=joins)
    cloud.service("web", serviceConnectConfiguration=connected(namespace))
    until_true(lambda: cloud.described("web")["runningCount"] == 1)
    first, code = exit_code(cloud, besides=set())
    assert edge_command.EXIT_MEANING[code] == "the name does not resolve"

    cloud.ecs.stop_task(cluster="shop", task=first)
    second, code = exit_code(cloud, besides={first})
    assert edge_command.EXIT_MEANING[code] == "the name does not resolve"

    cloud.ecs.update_service(cluster="shop", service="client", forceNewDeployment=True)
    _, code = exit_code(cloud, besides={first, second})
    assert edge_command.EXIT_MEANING[code] == "proven"
    assert cloud.described("client")["deployments"][0]["failedTasks"] == 0
