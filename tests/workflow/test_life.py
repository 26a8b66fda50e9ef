"""An environment's life where all goes well: created, proven, deleted, nothing left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.requests import environment, event, web
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")


class TestTutorial:
    def test_it_is_created_and_proven_then_deleted_with_nothing_left(
        self, app: Application, name: str
    ) -> None:
        """H01, H20, H21, P03, P06, P07, D05, D14."""
        namespace = f"{name}-connect"
        began = datetime.now(UTC)
        created = app.create(
            {**event("tutorial"), "name": name, "namespace": namespace}
        ).succeeded()

        assert created.output["status"] == "READY"
        assert created.output["namespace"] == namespace
        assert {check["outcome"] for check in created.output["proof"]} == {"OK"}
        asked = [check for check in created.output["proof"] if check["endpoint"] == "nginx"]
        assert ["server: envoy" in check["observed"] for check in asked[-2:]] == [True, True]

        record = app.record(name)
        assert (record["status"], record["generation"]) == ("READY", 1)
        assert record["proof"] == created.output["proof"]

        expires = datetime.fromisoformat(created.output["expiresAt"])
        assert timedelta(hours=8) <= expires - began < timedelta(hours=8, minutes=1)
        schedule = app.schedule(name)
        assert schedule is not None
        assert schedule["ScheduleExpression"] == f"at({expires:%Y-%m-%dT%H:%M:%S})"
        assert schedule["Target"]["Arn"] == app.delete_machine
        (ready,) = app.published(name, "EnvironmentReady")
        assert (ready["namespace"], ready["expiresAt"]) == (namespace, created.output["expiresAt"])

        deleted = app.delete(name).succeeded()

        outcomes = {(item["kind"], item["outcome"]) for item in deleted.output["receipt"]["items"]}
        assert ("service", "DELETED") in outcomes
        assert ("cluster", "DELETED") in outcomes
        assert ("namespace", "DELETED") in outcomes
        assert ("log group", "DELETED") in outcomes
        assert ("task definition", "DELETING") in outcomes
        record = app.record(name)
        assert record["status"] == "DELETED"
        receipt = deleted.output["receipt"]
        assert {"name": record["receipt"].pop("environment"), **record["receipt"]} == receipt
        _, gone = app.published(name, "EnvironmentReady", "EnvironmentDeleted")
        assert gone["receipt"]["items"] == deleted.output["receipt"]["items"]
        assert app.schedule(name) is None
        assert app.left(name, namespace) == []
        assert "nginx" not in app.cloud_map_services()


class TestSmallestRequest:
    def test_the_stack_completes_the_smallest_request(self, app: Application, name: str) -> None:
        created = app.create(environment(name=name)).succeeded()

        assert created.output["cluster"] == f"bivouac-{name}"
        assert created.output["namespace"] == f"bivouac-{name}"
        app.delete(name).succeeded()
        assert app.left(name) == []


class TestSpot:
    def test_tasks_are_divided_between_fargate_and_spot(self, app: Application, name: str) -> None:
        """First only on Fargate, then by a strategy, as another request says."""
        app.create(environment(name=name)).succeeded()
        assert _providers(app, name) == [None]
        strategy = [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 0},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1},
        ]
        on_spot = web(desiredCount=3, capacityProviderStrategy=strategy)

        created = app.create(environment(on_spot, name=name)).succeeded()

        assert created.output["status"] == "READY"
        assert _providers(app, name) == ["FARGATE", "FARGATE_SPOT", "FARGATE_SPOT"]
        deleted = app.delete(name).succeeded()
        assert ("service", "DELETED") in {
            (item["kind"], item["outcome"]) for item in deleted.output["receipt"]["items"]
        }
        assert app.left(name) == []


def _providers(app: Application, name: str) -> list[str | None]:
    """Where the running tasks of the service web are."""
    ecs = app.client("ecs")
    tasks = ecs.list_tasks(cluster=f"bivouac-{name}", serviceName="web")["taskArns"]
    described = ecs.describe_tasks(cluster=f"bivouac-{name}", tasks=tasks)["tasks"]
    return sorted((task.get("capacityProviderName") for task in described), key=str)


class TestDryRun:
    def test_a_dry_run_creates_nothing(self, app: Application, name: str) -> None:
        before = len(app.calls)

        planned = app.create({**event("tutorial"), "name": name, "dryRun": True}).succeeded()

        assert planned.states[-1] == "Request checked"
        assert planned.output["outcome"] == "PLANNED"
        (service,) = planned.output["services"]
        (endpoint,) = service["endpoints"]
        assert endpoint["aliases"] == ["nginx.service-connect:80"]
        renamed = {each["given"]: each["used"] for each in planned.output["renamed"]}
        assert renamed["tutorial"] == f"bivouac-{name}"
        assert app.calls.changes(since=before) == []
        assert app.find_record(name) is None
        assert app.schedule(name) is None


class TestAgain:
    def test_a_second_create_and_a_second_delete_change_nothing(
        self, app: Application, name: str
    ) -> None:
        """S01, T03, D04, D05, D10, N12, C13."""
        request = environment(name=name)
        app.create(request).succeeded()

        before = len(app.calls)
        second = app.create(request).succeeded()
        assert (second.output["status"], second.output["generation"]) == ("READY", 2)
        assert app.calls.changes(since=before) == []

        app.delete(name).succeeded()
        before = len(app.calls)
        again = app.delete(name).succeeded()
        assert app.calls.changes(since=before) == []
        outcomes = {item["outcome"] for item in again.output["receipt"]["items"]}
        assert outcomes <= {"ALREADY_GONE", "DELETING"}

    def test_another_image_is_rolled_out_in_place(self, app: Application, name: str) -> None:
        """H01, H03, S19: the new deployment must become healthy."""
        app.create(environment(name=name)).succeeded()
        before = len(app.calls)
        httpd = {"image": "httpd", "containerPort": 80}

        app.create(environment(web(primaryContainer=httpd), name=name)).succeeded()

        assert sorted(app.calls.changes(since=before)) == [
            "ecs:CreateService",  # the edge leads to another deployment: it is proven again
            "ecs:DeleteService",
            "ecs:RegisterTaskDefinition",
            "ecs:TagResource",
            "ecs:UpdateService",
        ]
        app.delete(name).succeeded()
        assert app.left(name) == []

    def test_a_deleted_environment_can_be_created_again(self, app: Application, name: str) -> None:
        """C15, S02, D13."""
        for generation in (1, 3):
            created = app.create(environment(name=name)).succeeded()
            assert created.output["generation"] == generation
            app.delete(name).succeeded()
        assert app.left(name) == []


class TestExistingDefinition:
    def test_an_existing_task_definition_is_used_and_not_changed(
        self, app: Application, name: str
    ) -> None:
        ecs = app.client("ecs")
        given = event("tutorial")["services"][0]["taskDefinition"]
        del given["containerDefinitions"][0]["logConfiguration"]
        given |= {"family": f"shared-{name}", "requiresCompatibilities": ["FARGATE"]}
        arn = ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]
        service = {**event("tutorial")["services"][0], "taskDefinition": f"shared-{name}:1"}

        app.create(environment(service, name=name)).succeeded()

        app.delete(name).succeeded()
        described = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        assert described["status"] == "ACTIVE"
        assert app.left(name) == []


class TestTenServices:
    def test_history_and_data_stay_far_below_their_limits(
        self, app: Application, name: str
    ) -> None:
        """W07: 25,000 events; W08: 262,144 bytes."""
        services = [web(serviceName=f"service-{number}") for number in range(10)]

        created = app.create(environment(*services, name=name))
        deleted = app.delete(name)

        assert created.status == "SUCCEEDED", created.cause
        assert deleted.status == "SUCCEEDED", deleted.cause
        for execution in (created, deleted):
            assert len(execution.events) < 1000
            assert execution.largest_state_data < 50_000
        assert app.left(name) == []
