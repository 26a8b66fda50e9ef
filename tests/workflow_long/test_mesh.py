"""Services that call each other: in order, proven through the mesh, converging on change."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.tasks.scripted import never_starts
from tests.localcloud.waiting import until_true
from tests.requests import connection, depends, environment, event, web
from tests.workflow.application import Application, Ended

pytestmark = pytest.mark.xdist_group("workflow-life")

Json = dict[str, Any]


def serving(name: str, **changes: Any) -> Json:
    """A service with one HTTP endpoint of its own name."""
    return web(serviceName=name, **changes)


def states_of(ended: Ended) -> dict[str, str]:
    """Edge -> state."""
    return {
        f"{edge['from']} -> {edge['to']}" if edge["from"] else edge["to"]: edge["state"]
        for edge in ended.output["edges"]
    }


def tasks_of(app: Application, environment_name: str, service: str) -> set[str]:
    listed = app.client("ecs").list_tasks(
        cluster=f"bivouac-{environment_name}", serviceName=service
    )
    return set(listed["taskArns"])


def services_of(app: Application, environment_name: str) -> set[str]:
    arns = app.client("ecs").list_services(cluster=f"bivouac-{environment_name}")["serviceArns"]
    return {arn.rpartition("/")[2] for arn in arns}


def order_of_creation(app: Application, since: int) -> list[str]:
    return [
        call.parameters["serviceName"]
        for call in app.calls.made[since:]
        if call.operation == "CreateService"
    ]


class TestShop:
    def test_the_services_really_call_each_other(self, app: Application, name: str) -> None:
        """P01, P06, P08: every edge answers through both proxies, by its client alias."""
        before = len(app.calls)

        created = app.create({**event("shop"), "name": name}).succeeded()

        assert states_of(created) == {
            "web -> api:api": "PROVEN",
            "api -> backend:backend": "PROVEN",
        }
        made = order_of_creation(app, before)
        assert made.index("backend") < made.index("api") < made.index("web")
        assert services_of(app, name) == {"backend", "api", "web"}, "the proof client is gone"
        app.delete(name).succeeded()
        assert app.left(name) == []

    def test_the_same_request_changes_nothing_and_proves_nothing_again(
        self, app: Application, name: str
    ) -> None:
        request = {**event("shop"), "name": name}
        first = app.create(request).succeeded()
        before = len(app.calls)

        second = app.create(request).succeeded()

        assert app.calls.changes(since=before) == []
        assert second.output["edges"] == first.output["edges"]
        app.delete(name).succeeded()


class TestConvergence:
    def test_a_new_server_causes_deployments_of_its_clients_only(
        self, app: Application, name: str
    ) -> None:
        """P08: tasks resolve only the endpoints that existed when their deployment began."""
        web_and_other = [serving("web"), serving("other")]
        app.create(environment(*web_and_other, name=name)).succeeded()
        old, untouched = tasks_of(app, name, "web"), tasks_of(app, name, "other")

        created = app.create(
            environment(
                *web_and_other,
                serving("api"),
                name=name,
                connect=[connection("web", "api"), connection("web", "other")],
            )
        ).succeeded()

        assert set(states_of(created).values()) == {"PROVEN"}
        assert tasks_of(app, name, "other") == untouched
        assert not tasks_of(app, name, "web") & old
        app.delete(name).succeeded()
        assert app.left(name) == []

    def test_services_are_added_removed_and_replaced(self, app: Application, name: str) -> None:
        """T14, S02, S07: what ECS cannot update is replaced, removed ones are deleted."""
        tcp = {"name": "api", "containerPort": 80}
        definition = {
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [
                {"name": "api", "image": "nginx", "portMappings": [{**tcp, "appProtocol": "http"}]}
            ],
        }
        connect = {
            "enabled": True,
            "services": [{"portName": "api", "clientAliases": [{"port": 80, "dnsName": "api"}]}],
        }
        api = {
            "serviceName": "api",
            "taskDefinition": definition,
            "serviceConnectConfiguration": connect,
        }
        app.create(environment(serving("old"), serving("kept"), api, name=name)).succeeded()
        kept = tasks_of(app, name, "kept")

        definition["containerDefinitions"][0]["portMappings"] = [tcp]  # type: ignore[index]
        created = app.create(
            environment(serving("kept"), api, serving("new"), name=name)
        ).succeeded()

        assert services_of(app, name) == {"kept", "api", "new"}
        assert tasks_of(app, name, "kept") == kept
        assert set(states_of(created)) == {"kept:kept", "api:api", "new:new"}
        app.delete(name).succeeded()
        assert app.left(name) == []

    def test_a_cycle_of_calls_is_closed_by_one_more_deployment(
        self, app: Application, name: str
    ) -> None:
        """P08: the first one did not resolve the other's endpoint."""
        before = len(app.calls)

        created = app.create(
            environment(
                serving("ping"),
                serving("pong"),
                name=name,
                connect=[connection("ping", "pong"), connection("pong", "ping")],
            )
        ).succeeded()

        assert states_of(created) == {"ping -> pong:pong": "PROVEN", "pong -> ping:ping": "PROVEN"}
        assert app.calls.changes(since=before).count("ecs:UpdateService") == 1
        app.delete(name).succeeded()


class TestOrder:
    def test_a_service_waits_only_for_its_own_servers(self, app: Application, name: str) -> None:
        """A service of a faster chain does not wait for the slowest one."""
        slow = f"registry.example/{name}:slow"
        app.runtime.script(slow, never_starts())
        before = len(app.calls)
        execution = app.start(
            app.create_machine,
            environment(
                serving("slow", primaryContainer={"image": slow, "containerPort": 80}),
                serving("fast"),
                serving("after-slow", dependsOn=depends("slow")),
                serving("after-fast", dependsOn=depends("fast")),
                name=name,
                onFailure="keep",
            ),
        )

        until_true(lambda: "after-fast" in order_of_creation(app, before))

        assert "after-slow" not in order_of_creation(app, before)
        app.stop(execution)
        app.delete(name).succeeded()
        assert app.left(name) == []
