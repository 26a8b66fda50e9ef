"""Environments that fail after they were ready, and those that ECS repairs itself."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.tasks.scripted import exits
from tests.localcloud.waiting import until_true
from tests.requests import environment, web
from tests.workflow.application import ENDS_WITHIN, Application

pytestmark = pytest.mark.xdist_group("workflow-trouble")

Json = dict[str, Any]


def served_by(image: str, name: str) -> Json:
    return environment(web(primaryContainer={"image": image, "containerPort": 80}), name=name)


def kill_the_server(app: Application, name: str) -> None:
    client, cluster = app.client("ecs"), f"bivouac-{name}"
    (task,) = client.list_tasks(cluster=cluster, serviceName="web")["taskArns"]
    client.stop_task(cluster=cluster, task=task, reason="killed by a test")


def test_a_repeatedly_crashing_server_is_reported_and_repaired(app: Application, name: str) -> None:
    image = "nginx:1.28"
    app.create(served_by(image, name)).succeeded()

    app.runtime.script(image, exits(3, after=0.02, output=["no database: giving up"]))
    kill_the_server(app, name)

    degraded = app.until_status(name, "DEGRADED")
    assert degraded["failure"]["category"] == "container exit"
    assert "exited with code 3" in degraded["failure"]["cause"]
    _, told = app.published(name, "EnvironmentReady", "EnvironmentDegraded")
    assert told["diagnosis"]["cause"] == degraded["failure"]["cause"]

    app.runtime.unscript(image)

    def recovered() -> bool:
        app.invoke("RecheckEnvironmentFunction", {"status": "DEGRADED"})
        return app.record(name)["status"] == "READY"

    until_true(recovered, ENDS_WITHIN)
    app.delete(name).succeeded()


def test_a_task_that_ecs_replaces_leaves_it_ready(app: Application, name: str) -> None:
    app.create(environment(name=name)).succeeded()
    kill_the_server(app, name)

    def replaced() -> bool:
        described = app.client("ecs").describe_services(
            cluster=f"bivouac-{name}", services=["web"]
        )["services"]
        return bool(described[0]["runningCount"] == 1)

    until_true(replaced, ENDS_WITHIN)
    assert app.until_status(name, "READY")["generation"] == 1
    app.delete(name).succeeded()
