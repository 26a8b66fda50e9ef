"""Deletion: what starts it, what it does when a call is denied, and that it is safe to repeat."""

from __future__ import annotations

import pytest

from localcloud.tasks.scripted import never_starts
from tests.requests import environment, web
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-trouble")


class TestLease:
    def test_the_end_of_the_lease_deletes_the_environment(
        self, app: Application, name: str
    ) -> None:
        """W03."""
        app.create(environment(name=name)).succeeded()

        app.expire(name)

        app.deletion_by_schedule(name).succeeded()
        app.assert_deleted(name)

    def test_an_outdated_expiry_does_nothing(self, app: Application, name: str) -> None:
        """W01: it comes late, or twice."""
        first = app.create(environment(name=name, lease={"ttl": "1h"}))
        renewed = app.create(environment(name=name, lease={"ttl": "2h"})).succeeded()
        before = len(app.calls)

        outdated = app.delete(
            name, reason="lease expired", expiresAt=first.output["expiresAt"]
        ).succeeded()

        assert outdated.states[-1] == "Environment left alone"
        assert app.calls.to_environment_apis(since=before) == []
        record = app.record(name)
        assert (record["status"], record["expiresAt"]) == ("READY", renewed.output["expiresAt"])
        app.delete(name).succeeded()

    def test_a_deletion_after_a_failure_leaves_a_newer_create_alone(
        self, app: Application, name: str
    ) -> None:
        """W18."""
        app.create(environment(name=name)).succeeded()
        assert app.create(environment(name=name)).output["generation"] == 2

        outdated = app.delete(name, generation=1)

        assert outdated.states[-1] == "Environment left alone"
        assert app.left(name) != []
        app.delete(name, generation=2).succeeded()


class TestPrice:
    @pytest.mark.parametrize("count", [1, 4])
    def test_the_number_of_transitions_does_not_depend_on_the_size(
        self, app: Application, name: str, count: int
    ) -> None:
        """D05, D14, N14: three waits, one transition each."""
        services = [web(serviceName=f"web-{number}") for number in range(count)]
        app.create(environment(*services, name=name)).succeeded()

        deleted = app.delete(name).succeeded()

        assert app.left(name) == []
        assert deleted.transitions <= 14

    def test_a_second_deletion_changes_nothing_and_reports_everything(
        self, app: Application, name: str
    ) -> None:
        """D04, promise 5."""
        app.create(environment(name=name)).succeeded()
        first = app.delete(name).succeeded()
        before = len(app.calls)

        second = app.delete(name).succeeded()

        assert app.calls.changes(since=before) == []
        listed = [
            {(i["kind"], i["name"]) for i in each.output["receipt"]["items"]}
            for each in (first, second)
        ]
        assert listed[0] == listed[1]
        outcomes = {item["outcome"] for item in second.output["receipt"]["items"]}
        assert outcomes == {"ALREADY_GONE", "DELETING"}


class TestAgain:
    @pytest.mark.parametrize(
        "state",
        [
            "Wait until the services are gone",
            "Wait until the tasks are gone",
            "Wait until everything is gone",
        ],
    )
    def test_a_deletion_stopped_anywhere_is_repaired_by_starting_again(
        self, app: Application, name: str, state: str
    ) -> None:
        """W13, promise 5."""
        app.create(environment(name=name)).succeeded()
        stopped = app.start(app.delete_machine, {"environment": name})
        app.until_in(stopped, state)
        app.stop(stopped)

        app.delete(name).succeeded()

        assert app.left(name) == []


class TestNothingThere:
    def test_deleting_an_unknown_environment_succeeds(self, app: Application, name: str) -> None:
        """Cheap, and successful (MapleTechLabs/maple#584)."""
        before = len(app.calls)

        nothing = app.delete(name)

        assert (nothing.status, nothing.states[-1]) == ("SUCCEEDED", "Nothing was there")
        assert nothing.output["outcome"] == "NOTHING_THERE"
        assert name in nothing.output["because"]
        assert app.calls.to_environment_apis(since=before) == []


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ([], "must be an object"),
            ({}, "environment: required, but missing"),
            ({"environment": "Demo"}, "'Demo' is not an environment name"),
            ({"environment": "demo", "force": True}, "force: unknown field"),
        ],
    )
    def test_an_invalid_input_is_refused(
        self, app: Application, content: object, said: str
    ) -> None:
        before = len(app.calls)

        refused = app.ended(app.start(app.delete_machine, content))

        assert (refused.status, refused.error) == ("FAILED", "InvalidRequestError")
        assert said in refused.cause
        assert app.calls.names(since=before) == []


class TestWithoutTheRight:
    def test_one_denied_resource_does_not_stop_the_others(
        self, app: Application, name: str
    ) -> None:
        """D17, S22."""
        created = app.create(environment(name=name)).succeeded()
        group = f"/bivouac-{name}/web"

        with app.denied("DeleteLogGroupsFunction", "logs:DeleteLogGroup"):
            failed = app.delete(name)

        assert (failed.status, failed.error) == ("FAILED", "DeletionIncompleteError")
        assert f"log group {group}" in failed.cause
        assert "AccessDenied" in failed.cause
        assert app.left(name) == [f"/bivouac-{name}/bivouac-proof", group]
        record = app.record(name)
        assert record["status"] == "NOT_DELETED"
        outcomes = {item["kind"]: item["outcome"] for item in record["receipt"]["items"]}
        assert (outcomes["cluster"], outcomes["log group"]) == ("DELETED", "FAILED")
        schedule = app.schedule(name)
        assert schedule is not None, "nothing would try again"
        assert record["expiresAt"] != created.output["expiresAt"]

        refused = app.create(environment(name=name))
        assert (refused.status, refused.error) == ("FAILED", "NotDeletedError")

        app.expire(name)
        app.deletion_by_schedule(name, "deletion was not complete").succeeded()
        assert app.left(name) == []

    @pytest.mark.parametrize(
        ("function", "action", "left"),
        [
            ("DeleteNamespaceFunction", "servicediscovery:DeleteNamespace", "namespace bivouac-"),
            ("DeleteClusterFunction", "ecs:DeleteCluster", "cluster bivouac-"),
            ("DeleteTaskDefinitionsFunction", "ecs:DeregisterTaskDefinition", "task definition"),
        ],
    )
    def test_leftovers_are_reported_with_reasons(
        self, app: Application, name: str, function: str, action: str, left: str
    ) -> None:
        """D17. It is kept when its create is stopped, so that no other deletion comes before this
        one."""
        image_that_is_never_pulled = f"registry.example/{name}"
        app.runtime.script(image_that_is_never_pulled, never_starts())
        container = {"image": image_that_is_never_pulled, "containerPort": 80}
        request = environment(web(primaryContainer=container), name=name, onFailure="keep")
        creation = app.start(app.create_machine, request)
        app.until_in(creation, "Wait for the services")
        app.stop(creation)

        with app.denied(function, action):
            failed = app.delete(name)

        assert failed.error == "DeletionIncompleteError"
        assert left in failed.cause
        assert "AccessDenied" in failed.cause
        app.delete(name).succeeded()
        assert app.left(name) == []
