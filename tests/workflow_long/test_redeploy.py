"""New images and definitions in an existing environment: proven again, or rolled back."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.tasks.scripted import exits, pull_failed
from tests.localcloud.waiting import until_true
from tests.requests import connection, environment, web
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")

Json = dict[str, Any]
NEWER = "public.ecr.aws/docker/library/nginx:1.29"


def shop(name: str, **changes: Any) -> Json:
    """A web that calls an api."""
    services = [web(serviceName="api"), web()]
    return environment(*services, name=name, connect=[connection("web", "api")], **changes)


def tasks_of(app: Application, name: str, service: str) -> set[str]:
    listed = app.client("ecs").list_tasks(cluster=f"bivouac-{name}", serviceName=service)
    return set(listed["taskArns"])


def definition_of(app: Application, name: str, service: str) -> str:
    """The ARN of the revision that the service's tasks run."""
    described = app.client("ecs").describe_services(cluster=f"bivouac-{name}", services=[service])
    (deployment,) = [
        each for each in described["services"][0]["deployments"] if each["status"] == "PRIMARY"
    ]
    return str(deployment["taskDefinition"])


def images_of(app: Application, name: str, service: str) -> list[str]:
    arn = definition_of(app, name, service)
    described = app.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return [container["image"] for container in described["containerDefinitions"]]


def crashing(app: Application, name: str) -> str:
    """An image whose container always exits."""
    image = f"registry.example/{name}:crashes"
    app.runtime.script(image, exits(3, after=0.02, output=["no database: giving up"]))
    return image


class TestSuccess:
    def test_a_new_image_deploys_only_its_service_and_is_proven(
        self, app: Application, name: str
    ) -> None:
        created = app.create(shop(name)).succeeded()
        api, others = tasks_of(app, name, "api"), tasks_of(app, name, "web")

        redeployed = app.redeploy(name, {"serviceName": "api", "image": NEWER}).succeeded()

        assert redeployed.states[-1] == "Environment redeployed"
        assert {edge["state"] for edge in redeployed.output["edges"]} == {"PROVEN"}
        assert images_of(app, name, "api") == [NEWER]
        assert not tasks_of(app, name, "api") & api
        assert tasks_of(app, name, "web") == others, "its endpoint is the same: no client is stale"
        record = app.record(name)
        assert (record["status"], record["verb"], record["generation"]) == ("READY", "REDEPLOY", 2)
        assert redeployed.output["expiresAt"] >= created.output["expiresAt"], "its lease is renewed"
        app.delete(name).succeeded()
        assert app.left(name) == []

    def test_without_an_image_the_same_one_is_deployed_again(
        self, app: Application, name: str
    ) -> None:
        """A tag is resolved to a digest when a deployment begins."""
        app.create(environment(name=name)).succeeded()
        before, revision = tasks_of(app, name, "web"), definition_of(app, name, "web")

        app.redeploy(name).succeeded()

        assert not tasks_of(app, name, "web") & before
        assert definition_of(app, name, "web") == revision
        app.delete(name).succeeded()


class TestFailure:
    def test_a_rollback_runs_the_same_revision_again(self, app: Application, name: str) -> None:
        app.create(shop(name)).succeeded()
        good, others = definition_of(app, name, "api"), tasks_of(app, name, "web")

        failed = app.redeploy(name, {"serviceName": "api", "image": crashing(app, name)})

        assert (failed.status, failed.error) == ("FAILED", "DeploymentFailedError")
        assert failed.states[-1] == "Redeployment rolled back"
        assert failed.cause.startswith("api: container exit: ")
        assert "no database: giving up" in failed.cause
        assert "is proven again" in failed.cause
        assert definition_of(app, name, "api") == good
        assert tasks_of(app, name, "web") == others
        record = app.record(name)
        assert (record["status"], record["verb"]) == ("READY", "ROLL_BACK")
        assert record["failure"]["error"] == "DeploymentFailedError"
        assert {edge["state"] for edge in record["edges"]} == {"OK"}
        app.delete(name).succeeded()
        assert app.left(name) == []

    def test_a_roll_back_goes_to_the_last_redeploy_that_was_proven(
        self, app: Application, name: str
    ) -> None:
        app.create(environment(name=name)).succeeded()
        app.redeploy(name, {"serviceName": "web", "image": NEWER}).succeeded()

        failed = app.redeploy(name, {"serviceName": "web", "image": crashing(app, name)})

        assert failed.states[-1] == "Redeployment rolled back", failed.cause
        assert images_of(app, name, "web") == [NEWER]
        app.redeploy(name).succeeded()
        assert images_of(app, name, "web") == [NEWER]
        app.delete(name).succeeded()

    def test_a_rollback_by_ecs_is_followed_by_ours(self, app: Application, name: str) -> None:
        """H02: the circuit breaker makes the old deployment PRIMARY again."""
        breaker = {"enable": True, "rollback": True}
        service = web(deploymentConfiguration={"deploymentCircuitBreaker": breaker})
        app.create(environment(service, name=name)).succeeded()
        good, before = definition_of(app, name, "web"), len(app.calls)
        image = f"registry.example/{name}:nope"
        app.runtime.script(image, pull_failed(f"CannotPullContainerError: {image}: not found"))

        failed = app.redeploy(name, {"serviceName": "web", "image": image})

        assert failed.states[-1] == "Redeployment rolled back", failed.cause
        assert definition_of(app, name, "web") == good
        assert app.calls.changes(since=before).count("ecs:UpdateService") <= 2
        app.delete(name).succeeded()

    def test_both_failures_are_reported_if_the_rollback_fails(
        self, app: Application, name: str
    ) -> None:
        image = f"registry.example/{name}:1"
        app.create(environment(name=name)).succeeded()
        with app.denied("CreateClusterFunction", "ecs:DescribeClusters"):
            failed = app.redeploy(name, {"serviceName": "web", "image": image})

        assert failed.status == "FAILED"
        assert failed.states[-1] == "Environment not redeployed"
        assert "The roll-back failed as well" in failed.cause
        assert app.record(name)["status"] == "FAILED"
        app.delete(name).succeeded()
        assert app.left(name) == []


class TestCreateThatFails:
    """A changed request, instead of a redeploy."""

    def test_a_failed_change_is_rolled_back_and_not_deleted(
        self, app: Application, name: str
    ) -> None:
        app.create(shop(name)).succeeded()
        good = definition_of(app, name, "api")
        changed = shop(name)
        for service in changed["services"]:
            if service["serviceName"] == "api":
                service["primaryContainer"]["image"] = crashing(app, name)

        failed = app.create(changed)

        assert (failed.status, failed.error) == ("FAILED", "DeploymentFailedError")
        assert "Start deletion" not in failed.states
        until_true(lambda: app.record(name)["status"] == "READY", 60.0)
        assert definition_of(app, name, "api") == good
        record = app.record(name)
        assert (record["verb"], record["failure"]["error"]) == ("ROLL_BACK", failed.error)
        app.delete(name).succeeded()
        assert app.left(name) == []


class TestRefused:
    def test_redeploying_an_unknown_environment_is_an_error(
        self, app: Application, name: str
    ) -> None:
        failed = app.redeploy(name, {"serviceName": "web"})
        assert (failed.status, failed.error) == ("FAILED", "EnvironmentNotFoundError")
        assert failed.states[-1] == "Environment not redeployed"

    def test_all_problems_are_reported_at_once(self, app: Application, name: str) -> None:
        wrong: list[Any] = [
            "nothing",
            {"environment": "No Name", "services": [{"serviceNmae": "web"}], "more": 1},
        ]
        problems = [("redeploy",), ("No Name", "serviceName", "serviceNmae", "more")]
        for content, told in zip(wrong, problems, strict=True):
            failed = app.ended(app.start(app.redeploy_machine, content))
            assert (failed.status, failed.error) == ("FAILED", "InvalidRequestError")
            assert [word for word in told if word not in failed.cause] == []

    def test_an_impossible_change_changes_nothing(self, app: Application, name: str) -> None:
        app.create(environment(name=name)).succeeded()
        before, record = len(app.calls), app.record(name)

        failed = app.redeploy(
            name, {"serviceName": "wbe"}, {"serviceName": "web", "container": "x"}
        )

        assert failed.error == "InvalidRequestError"
        assert "no service is named 'wbe' (services: web)" in failed.cause
        assert "web" in failed.cause
        assert "not rolled back" not in failed.cause
        assert app.calls.changes(since=before) == []
        assert app.record(name) == record
        app.delete(name).succeeded()


class TestTwoAtOnce:
    def test_a_newer_redeploy_includes_the_older_ones_change(
        self, app: Application, name: str
    ) -> None:
        app.create(shop(name)).succeeded()
        content = {"environment": name, "services": [{"serviceName": "api", "image": NEWER}]}
        older = app.start(app.redeploy_machine, content)
        until_true(lambda: app.record(name)["generation"] == 2)

        app.redeploy(name, {"serviceName": "web", "image": NEWER}).succeeded()

        assert (app.ended(older).status, app.ended(older).error) == ("FAILED", "SupersededError")
        assert images_of(app, name, "api") == images_of(app, name, "web") == [NEWER]
        app.delete(name).succeeded()

    def test_a_deletion_during_a_redeploy_wins(self, app: Application, name: str) -> None:
        app.create(environment(name=name)).succeeded()
        content = {"environment": name, "services": [{"serviceName": "web", "image": NEWER}]}
        redeploy = app.start(app.redeploy_machine, content)
        until_true(lambda: app.record(name)["generation"] == 2)

        app.delete(name).succeeded()

        assert app.ended(redeploy).error == "SupersededError"
        assert app.left(name) == []
        assert app.record(name)["status"] == "DELETED"
