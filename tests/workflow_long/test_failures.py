"""Environments that cannot work: the cause says why and what to do, and nothing is left behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from localcloud.tasks.scripted import (
    exits,
    in_turn,
    never_healthy,
    never_starts,
    pull_failed,
    unhealthy,
)
from tests.requests import environment, web
from tests.workflow.application import Application, Ended

pytestmark = pytest.mark.xdist_group("workflow-trouble")

Json = dict[str, Any]
CHECKED = {"healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost/"], "interval": 5}}


def its_deadline_has_passed(states: Json) -> None:
    """Once the services are created."""
    states["Create services"]["Next"] = "Let the deadline pass"
    states["Let the deadline pass"] = {
        "Type": "Pass",
        "Result": "2020-01-01T00:00:00Z",
        "ResultPath": "$.deadline",
        "Next": "Wait for the services",
    }


def its_deadline_is_soon(states: Json, seconds: float) -> None:
    """The time-out of the wait then finds it over."""
    soon = datetime.now(UTC) + timedelta(seconds=seconds)
    states["Open environment"]["Next"] = "Set another deadline"
    states["Set another deadline"] = {
        "Type": "Pass",
        "Result": f"{soon:%Y-%m-%dT%H:%M:%SZ}",
        "ResultPath": "$.deadline",
        "Next": "Is the environment free?",
    }


def seconds_to_ready(app: Application, names: Iterable[str]) -> float:
    """How long healthy environments take concurrently, here and now: on a busy machine failing ones
    need longer too."""
    began = time.monotonic()
    started = [app.start(app.create_machine, environment(name=name)) for name in names]
    assert {app.ended(arn).status for arn in started} == {"SUCCEEDED"}
    return time.monotonic() - began


def of_image(image: str, name: str, **more: Any) -> Json:
    """An environment of one service; `more` goes into its container."""
    container = {"image": image, "containerPort": 80, **more}
    return environment(web(primaryContainer=container), name=name)


def assert_gone(app: Application, name: str) -> None:
    """The failed create started its own deletion, which left nothing."""
    app.deletion_after_failure(name).succeeded()
    app.assert_deleted(name)


def headline(failed: Ended) -> str:
    """What failed and why, in one line."""
    return failed.cause.splitlines()[0]


class TestImage:
    def test_one_stop_is_enough_for_an_image_that_does_not_exist(
        self, app: Application, name: str
    ) -> None:
        """H07, H24."""
        image = f"registry.example/{name}:nope"
        missing = f"CannotPullContainerError: failed to resolve ref {image}: not found"
        app.runtime.script(image, in_turn(pull_failed(missing), never_starts()))

        failed = app.create(of_image(image, name))

        assert (failed.status, failed.error) == ("FAILED", "DeploymentFailedError")
        assert headline(failed) == f"web: image pull: {missing}"
        assert "next step: Check the image's name and tag" in failed.cause
        assert_gone(app, name)

    def test_a_temporary_failure_is_awaited_until_the_deadline(
        self, app: Application, name: str
    ) -> None:
        """H07."""
        image = f"registry.example/{name}:slow"
        slow = f"CannotPullContainerError: ref pull of {image} has been retried: i/o timeout"
        app.runtime.script(image, pull_failed(slow))
        enough = 2 * seconds_to_ready(app, [f"{name}-ok"])
        late = app.variant(app.create_machine, partial(its_deadline_is_soon, seconds=enough))

        failed = app.ended(app.start(late, of_image(image, name)))

        assert headline(failed).startswith("web: image pull: ")
        assert "Check that the subnets reach the registry" in failed.cause
        app.delete(f"{name}-ok")


class TestContainerThatExits:
    def test_the_cause_has_the_last_lines_without_secrets(
        self, app: Application, name: str
    ) -> None:
        """H05, H11, H22."""
        image = f"registry.example/{name}:crashes"
        output = [
            "reading settings",
            "connecting to postgres://app:hunter2@db:5432",
            "password=hunter3",
            "no database: giving up",
        ]
        app.runtime.script(image, exits(3, after=0.02, output=output))

        failed = app.create(of_image(image, name))

        assert failed.error == "DeploymentFailedError"
        assert headline(failed).startswith("web: container exit: container web exited with code 3")
        assert "no database: giving up" in failed.cause
        assert "connecting to postgres://app:[redacted]@db:5432" in failed.cause
        assert "hunter" not in failed.cause
        assert_gone(app, name)
        told, _ = app.published(name, "EnvironmentFailed", "EnvironmentDeleted")
        assert told["diagnosis"]["cause"] == failed.cause
        assert [verdict["service"] for verdict in told["diagnosis"]["verdicts"]] == ["web"]


class TestNeverHealthy:
    def test_a_failing_health_check_is_named(self, app: Application, name: str) -> None:
        """H20."""
        image = f"registry.example/{name}:sick"
        app.runtime.script(image, unhealthy())

        failed = app.create(of_image(image, name, **CHECKED))

        assert failed.error == "DeploymentFailedError"
        assert headline(failed).startswith("web: health check: ")
        assert "longer startPeriod" in failed.cause
        assert_gone(app, name)

    def test_a_deadline_ends_the_wait(self, app: Application, name: str) -> None:
        """H20, W07."""
        image = f"registry.example/{name}:undecided"
        app.runtime.script(image, never_healthy())
        late = app.variant(app.create_machine, its_deadline_has_passed)

        failed = app.ended(app.start(late, of_image(image, name, **CHECKED)))

        assert failed.error == "DeploymentFailedError"
        assert headline(failed).startswith("web: out of time: ")
        assert "tasks healthy: 0 of 1" in failed.cause
        assert "timeouts.ready" in failed.cause
        assert_gone(app, name)


class TestEndpointsThatDoNotAnswer:
    """Healthy and registered, yet not proven: the point of probing."""

    @pytest.fixture
    def admits_only_another_network(self, app: Application) -> str:
        """A security group that no check before the probe can recognise as the wrong one."""
        ec2 = app.client("ec2")
        group: str = ec2.create_security_group(
            GroupName="elsewhere", Description="elsewhere", VpcId=app.cloud.account.vpc_id
        )["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.9.0.0/16"
        )
        return group

    def test_each_kind_of_failure_is_distinguished(
        self, app: Application, name: str, admits_only_another_network: str
    ) -> None:
        """P07, P09, H23. Concurrently, because each is tried until the deadline."""
        network = {
            "awsvpcConfiguration": {
                "securityGroups": [admits_only_another_network],
                "assignPublicIp": "DISABLED",
            }
        }
        elsewhere = {"image": "nginx", "containerPort": 8080}
        requests = {
            "answers 500": of_image("bivouac/unhealthy", f"{name}-a"),
            "listens elsewhere": environment(web(primaryContainer=elsewhere), name=f"{name}-b"),
            "not admitted": environment(web(networkConfiguration=network), name=f"{name}-c"),
        }
        enough = 3 * seconds_to_ready(
            app, [f"{request['name']}-ok" for request in requests.values()]
        )
        lists_the_group = app.allowing(groups=[admits_only_another_network])
        machine = app.variant(lists_the_group, partial(its_deadline_is_soon, seconds=enough))
        started = {what: app.start(machine, request) for what, request in requests.items()}
        failed = {what: app.ended(arn) for what, arn in started.items()}

        assert {each.error for each in failed.values()} == {"ConnectivityError"}
        assert headline(failed["answers 500"]).startswith("web:web: connectivity: ")
        assert "web:80 HTTP 500, expected 200-399" in failed["answers 500"].cause
        assert headline(failed["listens elsewhere"]).startswith("web:web: ")
        assert "HTTP 503" in failed["listens elsewhere"].cause
        assert "listens on its containerPort" in failed["listens elsewhere"].cause
        assert headline(failed["not admitted"]).startswith("web: network or security group: ")
        assert "timed out after 3 s" in failed["not admitted"].cause
        assert "probe security group" in failed["not admitted"].cause
        for request in requests.values():
            assert_gone(app, request["name"])
            app.delete(f"{request['name']}-ok")


class TestRights:
    def test_a_role_that_may_not_be_passed_is_reported(self, app: Application, name: str) -> None:
        """CreateService also authorises iam:PassRole for the roles of the definition (Service
        Authorization Reference of 2026, operations of Amazon ECS)."""
        with app.denied("CreateServicesFunction", "iam:PassRole"):
            failed = app.create(environment(name=name))
        assert failed.error == "AccessDeniedError"
        assert (
            "is not authorized to perform: iam:PassRole on resource: arn:aws:iam:" in failed.cause
        )
        assert_gone(app, name)


class TestKeep:
    def test_the_failed_environment_stays_and_the_next_create_repairs_it(
        self, app: Application, name: str
    ) -> None:
        image = f"registry.example/{name}:broken"
        app.runtime.script(image, exits(1, after=0.02))
        broken = {**of_image(image, name), "onFailure": "keep"}

        failed = app.create(broken)

        assert failed.error == "DeploymentFailedError"
        assert "Start deletion" not in failed.states
        record = app.record(name)
        assert (record["status"], record["failure"]["category"]) == ("FAILED", "container exit")
        assert app.schedule(name) is not None
        kept = app.left(name)
        assert f"cluster bivouac-{name}" in kept

        repaired = app.create({**of_image("nginx", name), "onFailure": "keep"}).succeeded()

        assert repaired.output["generation"] == 2
        app.delete(name).succeeded()
        assert app.left(name) == []
