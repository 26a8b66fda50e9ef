"""Leases that are extended, office hours, and environments that sleep and wake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac import lease
from tests.requests import connection, depends, environment, web
from tests.workflow.application import Application, Ended

pytestmark = pytest.mark.xdist_group("workflow-lifetime")

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
        """Counts remembered, order kept, every edge asked anew (H01, P08)."""
        created = succeeded(app.create(shop(name))).output
        deployments = {
            name: each["deployments"][0]["id"] for name, each in app.services(name).items()
        }

        asleep = succeeded(app.sleep(name))
        assert asleep.states[-1] == "Environment asleep"
        assert set(app.counts(name).values()) == {(0, 0)}
        record = app.record(name)
        assert record is not None
        assert (record["status"], record["expiresAt"]) == ("ASLEEP", created["expiresAt"])

        woken = succeeded(app.wake(name))
        assert woken.states[-1] == "Environment awake"
        assert app.counts(name) == {"backend": (1, 1), "api": (1, 1), "web": (2, 2)}
        assert woken.output["status"] == "READY"
        assert woken.output["expiresAt"] == created["expiresAt"]
        assert {edge["edge"] for edge in woken.output["edges"]} == {
            edge["edge"] for edge in created["edges"]
        }
        now = {name: each["deployments"][0]["id"] for name, each in app.services(name).items()}
        assert not set(now.values()) & set(deployments.values())
        assert app.delete(name).status == "SUCCEEDED"
        assert app.left(name) == []


class TestLease:
    def test_a_lease_is_extended_and_its_schedules_move(self, app: Application, name: str) -> None:
        created = succeeded(app.create(environment(name=name, lease={"ttl": "2h"}))).output

        extended = succeeded(app.extend(name, ttl="5h", expectedExpiresAt=created["expiresAt"]))

        assert extended.states[-1] == "Lease extended"
        end = extended.output["expiresAt"]
        record = app.record(name)
        assert record is not None
        assert (record["expiresAt"], record["generation"]) == (end, 1)
        expiry, warning = app.schedule(name), app.schedule(name, "warning")
        assert expiry is not None
        assert warning is not None
        assert expiry["ScheduleExpression"] == f"at({end.removesuffix('Z')})"
        before = lease.timestamp(lease.moment(end) - timedelta(minutes=30))
        assert warning["ScheduleExpression"] == f"at({before.removesuffix('Z')})"
        left = lease.moment(end) - datetime.now(UTC)
        assert timedelta(hours=4, minutes=59) < left <= timedelta(hours=5)
        assert app.delete(name).status == "SUCCEEDED"
        assert app.armed(name) == []
