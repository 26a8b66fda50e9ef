"""Stopped in the middle, started twice, overtaken: whatever happens, one intent wins cleanly.

A call is held where AWS would take its time, and released when the test says so: that is how a
function outlives the execution that called it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from localcloud.tasks.scripted import never_starts
from tests.requests import environment, web
from tests.workflow.application import Application
from tests.workflow.calls import Hold

pytestmark = pytest.mark.xdist_group("workflow-trouble")

Json = dict[str, Any]

MAKES_SOMETHING = (
    "servicediscovery:CreateHttpNamespace",
    "ecs:CreateCluster",
    "logs:CreateLogGroup",
    "ecs:RegisterTaskDefinition",
    "ecs:CreateService",
)


def never_ready(app: Application, name: str) -> Json:
    """An environment whose image takes for ever to be pulled."""
    image = f"registry.example/{name}"
    app.runtime.script(image, never_starts())
    return environment(web(primaryContainer={"image": image, "containerPort": 80}), name=name)


def interrupted(app: Application, request: Json, hold: Hold) -> None:
    """A create that was stopped by hand while AWS still works on one of its calls."""
    execution = app.start(app.create_machine, request)
    hold.until_arrived()
    app.stop(execution)


class TestStoppedInTheMiddle:
    @pytest.mark.parametrize("call", [*MAKES_SOMETHING, "ecs:DescribeServices"])
    def test_a_delete_waits_for_the_last_call_and_leaves_nothing(
        self, app: Application, name: str, call: str
    ) -> None:
        """W13, W18: StopExecution runs no Catch, and the function goes on."""
        with app.calls.hold(call) as hold:
            interrupted(app, {**never_ready(app, name), "onFailure": "keep"}, hold)
            deletion = app.start(app.delete_machine, {"environment": name})
            app.until_in(deletion, "Wait for running steps")

        app.ended(deletion).succeeded()

        app.assert_deleted(name)

    @pytest.mark.parametrize("call", [MAKES_SOMETHING[0], *MAKES_SOMETHING[3:]])
    def test_a_second_create_completes_it(self, app: Application, name: str, call: str) -> None:
        """S01, S21, N01, T03: the first one's resources are found, and nothing is created twice."""
        before = len(app.calls)
        request = environment(name=name, onFailure="keep")
        with app.calls.hold(call) as hold:
            interrupted(app, request, hold)
            second = app.start(app.create_machine, request)
            app.until_in(second, "Wait for running steps")

        created = app.ended(second).succeeded()

        assert created.output["generation"] == 2
        made = app.calls.changes(since=before)
        for once_each in ("ecs:RegisterTaskDefinition", "logs:CreateLogGroup"):
            assert made.count(once_each) == len(("web", "its proof client")), once_each
        app.delete(name).succeeded()
        app.assert_deleted(name)


class TestStoppedAndLeftAlone:
    def test_its_resources_are_deleted_automatically(self, app: Application, name: str) -> None:
        """W13: no Catch runs, and Step Functions' event does what it would have done."""
        execution = app.start(app.create_machine, never_ready(app, name))
        app.until_in(execution, "Wait for the services")
        app.stop(execution)

        app.until_status(name, "DELETED")

        app.deletion_after_failure(name).succeeded()
        app.assert_deleted(name)
        told, _ = app.published(name, "EnvironmentFailed", "EnvironmentDeleted")
        assert "ended as ABORTED" in told["diagnosis"]["cause"]

    def test_a_stopped_deletion_starts_again(self, app: Application, name: str) -> None:
        app.create(environment(name=name)).succeeded()
        with app.calls.hold("ecs:DeleteService") as hold:
            deletion = app.start(app.delete_machine, {"environment": name})
            hold.until_arrived()
            app.stop(deletion)

        app.until_status(name, "DELETED")

        app.assert_deleted(name)


class TestDeleteDuringCreate:
    def test_a_delete_wins_and_nothing_comes_back(self, app: Application, name: str) -> None:
        """W17, W18."""
        with app.calls.hold("ecs:CreateService") as hold:
            creation = app.start(app.create_machine, never_ready(app, name))
            hold.until_arrived()
            deletion = app.start(app.delete_machine, {"environment": name})
            app.until_in(deletion, "Wait for running steps")

        assert app.ended(creation).status == "ABORTED"
        app.ended(deletion).succeeded()
        app.assert_deleted(name)

    def test_a_create_step_that_starts_afterwards_changes_nothing(
        self, app: Application, name: str
    ) -> None:
        """W17: the fence, without the stop."""
        app.create(environment(name=name)).succeeded()
        app.delete(name).succeeded()
        before = len(app.calls)

        late = {"environment": name, "generation": 1, "operationId": None}
        answer = app.invoke("CreateNamespaceFunction", late)

        assert answer["errorType"] == "SupersededError"
        assert app.calls.to_environment_apis(since=before) == []
        app.assert_deleted(name)


class TestSecondCreate:
    def test_the_same_request_follows_the_running_create(self, app: Application, name: str) -> None:
        """W05, W18."""
        before = len(app.calls)
        with app.calls.hold("ecs:CreateService") as hold:
            first = app.start(app.create_machine, environment(name=name))
            hold.until_arrived()
            second = app.start(app.create_machine, environment(name=name))
            app.until_in(second, "Wait for the environment")

        ended = [app.ended(first), app.ended(second)]

        assert [each.status for each in ended] == ["SUCCEEDED", "SUCCEEDED"]
        made = Counter(app.calls.changes(since=before))
        assert made["servicediscovery:CreateHttpNamespace"] == made["ecs:CreateCluster"] == 1
        assert made["ecs:RegisterTaskDefinition"] == made["logs:CreateLogGroup"] == 2
        assert made["ecs:CreateService"] == 2, "a service, or its proof client, was made twice"
        app.delete(name).succeeded()

    def test_another_request_supersedes_the_running_create(
        self, app: Application, name: str
    ) -> None:
        """S01, W18: even if the first one's last call takes effect after the stop."""
        with app.calls.hold("ecs:CreateService") as hold:
            first = app.start(app.create_machine, environment(name=name))
            hold.until_arrived()
            second = app.start(app.create_machine, environment(web(desiredCount=2), name=name))
            app.until_in(second, "Wait for running steps")

        assert app.ended(first).status == "ABORTED"
        created = app.ended(second).succeeded()
        assert "2 of 2" in [check["observed"] for check in created.output["proof"]]
        record = app.record(name)
        assert (record["status"], record["generation"]) == ("READY", 2)
        app.delete(name).succeeded()
        app.assert_deleted(name)

    def test_a_create_waits_for_a_deletion_to_end(self, app: Application, name: str) -> None:
        """S02: it never meets the remains of an earlier environment."""
        app.create(environment(name=name)).succeeded()
        with app.calls.hold("ecs:DeleteService") as hold:
            deletion = app.start(app.delete_machine, {"environment": name})
            hold.until_arrived()
            creation = app.start(app.create_machine, environment(name=name))
            app.until_in(creation, "Wait for the environment")

        app.ended(deletion).succeeded()
        created = app.ended(creation).succeeded()
        assert created.output["generation"] == 3
        app.delete(name).succeeded()
