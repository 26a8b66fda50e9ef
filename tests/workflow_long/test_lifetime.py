"""Leases that are extended, office hours, and environments that sleep and wake."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac import times
from localcloud.tasks.scripted import exits
from tests.requests import connection, depends, environment, web
from tests.workflow.application import Application, Ended

pytestmark = pytest.mark.xdist_group("workflow-life")

Json = dict[str, Any]
OFFICE_HOURS = {
    "timezone": "Europe/Berlin",
    "up": "cron(0 8 ? * MON-FRI *)",
    "down": "cron(0 19 ? * MON-FRI *)",
}


def shop(name: str, **changes: Any) -> Json:
    """A web page, which calls an interface, which calls a backend."""
    return environment(
        web(desiredCount=2),
        service("api", dependsOn=depends("backend")),
        service("backend"),
        name=name,
        connect=[connection("web", "api"), connection("api", "backend")],
        **changes,
    )


def service(name: str, **changes: Any) -> Json:
    return {
        "serviceName": name,
        "primaryContainer": {"image": "nginx", "containerPort": 80},
        **changes,
    }


def succeeded(ended: Ended) -> Ended:
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause, ended.states)
    return ended


class TestSleep:
    def test_an_environment_sleeps_and_wakes_proven(self, app: Application, name: str) -> None:
        """Counts remembered, order kept, every edge proven again (H01, P08)."""
        created = succeeded(app.create(shop(name))).output
        deployments = {
            name: each["deployments"][0]["id"] for name, each in app.services(name).items()
        }

        asleep = succeeded(app.sleep(name))
        assert asleep.states[-1] == "Environment asleep"
        assert set(app.counts(name).values()) == {(0, 0)}
        record = app.record(name)
        assert (record["status"], record["expiresAt"]) == ("ASLEEP", created["expiresAt"])

        woken = succeeded(app.wake(name))
        assert woken.states[-1] == "Environment awake"
        assert app.counts(name) == {"backend": (1, 1), "api": (1, 1), "web": (2, 2)}
        assert woken.output["status"] == "READY"
        assert woken.output["expiresAt"] == created["expiresAt"]
        assert {edge["to"] for edge in woken.output["edges"]} == {
            edge["to"] for edge in created["edges"]
        }
        now = {name: each["deployments"][0]["id"] for name, each in app.services(name).items()}
        assert not set(now.values()) & set(deployments.values())
        app.delete(name).succeeded()
        assert app.left(name) == []


class TestLease:
    def test_a_lease_is_extended_and_its_schedules_move(self, app: Application, name: str) -> None:
        created = succeeded(app.create(environment(name=name, lease={"ttl": "2h"}))).output

        extended = succeeded(app.extend(name, ttl="5h", expectedExpiresAt=created["expiresAt"]))

        assert extended.states[-1] == "Lease extended"
        end = extended.output["expiresAt"]
        record = app.record(name)
        assert (record["expiresAt"], record["generation"]) == (end, 1)
        expiry, warning = app.schedule(name), app.schedule(name, "warning")
        assert expiry is not None
        assert warning is not None
        assert expiry["ScheduleExpression"] == f"at({end.removesuffix('Z')})"
        before = times.timestamp(times.moment(end) - timedelta(minutes=30))
        assert warning["ScheduleExpression"] == f"at({before.removesuffix('Z')})"
        left = times.moment(end) - datetime.now(UTC)
        # Ends are rounded up to whole seconds.
        assert timedelta(hours=4, minutes=59) < left <= timedelta(hours=5, seconds=1)
        app.delete(name).succeeded()
        assert app.armed(name) == []

    def test_an_extension_that_is_shorter_too_long_or_of_an_unknown_environment(
        self, app: Application, name: str
    ) -> None:
        created = succeeded(app.create(environment(name=name, lease={"ttl": "2h"}))).output
        shorter = succeeded(app.extend(name, ttl="1h"))
        assert shorter.states[-1] == "Lease left alone"
        assert shorter.output["expiresAt"] == created["expiresAt"]
        for asked, told in (
            ({"ttl": "30d"}, "30d is longer than the 7d"),
            ({"ttl": "3h", "expectedExpiresAt": "2030-01-01T00:00:00Z"}, "someone has changed it"),
            ({"ttl": "soon", "until": "noon"}, "2 problems in the request"),
        ):
            refused = app.extend(name, **asked)
            assert (refused.status, refused.states[-1]) == ("FAILED", "Lease not extended")
            assert told in refused.cause
        unknown = app.extend(f"{name}-x", ttl="1h")
        assert unknown.error == "EnvironmentNotFoundError"
        app.delete(name).succeeded()

    def test_the_end_is_announced_with_the_command_that_extends_the_lease(
        self, app: Application, name: str
    ) -> None:
        succeeded(app.create(environment(name=name, lease={"ttl": "2h"})))
        app.fire(f"{name}-warning")
        expiring, _ = app.published(name, "EnvironmentExpiring", "EnvironmentReady")
        words = shlex.split(expiring["extendWith"])
        machine, asked = words[words.index("--state-machine-arn") + 1], json.loads(words[-1])
        kept = succeeded(app.ended(app.start(machine, asked)))
        assert kept.states[-1] == "Lease extended"
        assert kept.output["expiresAt"] > expiring["expiresAt"]
        app.delete(name).succeeded()


class TestOfficeHours:
    def test_down_and_up_until_the_lease_ends(self, app: Application, name: str) -> None:
        request = environment(name=name, schedule=OFFICE_HOURS, lease={"ttl": "3d"})
        succeeded(app.create(request))
        assert app.armed(name) == ["down", "expiry", "up", "warning"]

        down = fired(app, name, "down", app.sleep_machine)
        assert down.states[-1] == "Environment asleep"
        assert app.counts(name) == {"web": (0, 0)}
        assert app.armed(name) == ["down", "expiry", "up", "warning"]

        up = fired(app, name, "up", app.wake_machine)
        assert up.states[-1] == "Environment awake"
        assert app.counts(name) == {"web": (1, 1)}

        app.expire(name)
        receipt = succeeded(app.deletion_by_schedule(name)).output
        assert receipt["status"] == "DELETED"
        assert app.left(name) == []
        assert app.armed(name) == []

    def test_a_late_up_does_not_wake_an_environment_put_to_sleep_since(
        self, app: Application, name: str
    ) -> None:
        """W01: what is meant later holds, whatever comes first."""
        succeeded(app.create(environment(name=name)))
        morning = {"id": "up", "at": datetime.now(UTC).isoformat()}
        succeeded(app.sleep(name))
        late = succeeded(app.wake(name, intent=morning))
        assert late.states[-1] == "Environment left alone"
        assert app.counts(name) == {"web": (0, 0)}
        app.delete(name).succeeded()

    def test_it_is_created_at_its_first_up_and_deleted_at_each_down(
        self, app: Application, name: str
    ) -> None:
        hours = {**OFFICE_HOURS, "begin": "up", "downAction": "delete"}
        scheduled = succeeded(app.create(environment(name=name, schedule=hours)))
        assert scheduled.states[-1] == "Environment scheduled"
        assert app.left(name) == []

        for _ in range(2):
            up = fired(app, name, "up", app.wake_machine)
            assert up.states[-1] == "Environment awake"
            assert up.output["expiresAt"] == scheduled.output["expiresAt"]
            assert app.counts(name) == {"web": (1, 1)}
            down = fired(app, name, "down", app.delete_machine)
            assert down.output["status"] == "SCHEDULED"
            assert app.left(name) == []
            assert app.armed(name) == ["down", "expiry", "up", "warning"]

        app.expire(name)
        assert succeeded(app.deletion_by_schedule(name)).output["status"] == "DELETED"
        assert app.armed(name) == []

    def test_a_refused_up_is_an_undelivered_event_with_its_reason(
        self, app: Application, name: str
    ) -> None:
        """D18. Nobody reads how an execution ends that a schedule started."""
        hours = {**OFFICE_HOURS, "begin": "up", "downAction": "delete"}
        succeeded(app.create(environment(name=name, schedule=hours)))
        app.client("ecs").create_cluster(clusterName=f"bivouac-{name}")
        app.fire(f"{name}-up")

        body = app.undelivered(f"bivouac-{name}")

        assert "UnansweredRequestError" in body
        assert "ForeignResourceError" in body
        app.client("ecs").delete_cluster(cluster=f"bivouac-{name}")
        app.delete(name).succeeded()

    def test_a_redeploy_while_it_sleeps_runs_once_it_wakes(
        self, app: Application, name: str
    ) -> None:
        succeeded(app.create(environment(name=name)))
        succeeded(app.sleep(name))
        change = {"serviceName": "web", "image": "httpd"}
        kept = succeeded(app.create({"redeploy": {"environment": name, "services": [change]}}))
        assert kept.states[-1] == "Environment stays asleep"
        assert app.counts(name) == {"web": (0, 0)}
        succeeded(app.wake(name))
        running = app.services(name)["web"]["taskDefinition"]
        described = app.client("ecs").describe_task_definition(taskDefinition=running)
        (container, *_) = described["taskDefinition"]["containerDefinitions"]
        assert container["image"] == "httpd"
        app.delete(name).succeeded()

    def test_a_failed_wake_has_a_diagnosis(self, app: Application, name: str) -> None:
        """The child's error and cause are the wake's own; the environment is kept."""
        image = f"registry.example/{name}:crashes"
        app.runtime.script(image, exits(1, after=0.02, output=["no database"]))
        succeeded(app.create(environment(name=name)))
        succeeded(app.sleep(name))
        change = {"serviceName": "web", "image": image}
        succeeded(app.create({"redeploy": {"environment": name, "services": [change]}}))
        woken = app.wake(name)
        assert (woken.status, woken.states[-1]) == ("FAILED", "Environment not awake")
        assert woken.error == "DeploymentFailedError"
        assert "no database" in woken.cause
        assert app.record(name)["status"] == "FAILED"
        app.delete(name).succeeded()

    def test_a_delete_stops_a_running_sleep(self, app: Application, name: str) -> None:
        succeeded(app.create(environment(name=name)))
        with app.calls.hold("ecs:TagResource") as hold:
            asleep = app.start(app.sleep_machine, {"environment": name})
            hold.until_arrived()
            deletion = app.start(app.delete_machine, {"environment": name})
            app.until_in(deletion, "Wait for running steps")
        assert app.ended(asleep).status == "ABORTED"
        succeeded(app.ended(deletion))
        assert app.left(name) == []

    def test_an_unknown_environment_cannot_sleep(self, app: Application, name: str) -> None:
        refused = app.sleep(name)
        assert (refused.error, refused.states[-1]) == (
            "EnvironmentNotFoundError",
            "Request refused",
        )
        assert name in refused.cause
        unwoken = app.wake(name)
        assert unwoken.error == "EnvironmentNotFoundError"


def fired(app: Application, name: str, schedule: str, machine: str) -> Ended:
    """The execution that a schedule starts when it fires now."""
    before = app.started_by(machine, name)
    app.fire(f"{name}-{schedule}")
    return succeeded(app.next_of(machine, name, before))
