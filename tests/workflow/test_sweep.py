"""The sweep finds and repairs what events and schedules missed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.requests import environment
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-trouble")

Json = dict[str, Any]
LONG_AGO = "2020-01-01T00:00:00Z"


def about(name: str, found: list[Json]) -> list[tuple[str, str]]:
    return [
        (finding["kind"], finding["action"]) for finding in found if finding["environment"] == name
    ]


def until_deleted(app: Application, name: str) -> None:
    app.until_status(name, "DELETED")
    app.assert_deleted(name)


def test_an_environment_within_its_lease_is_left_alone(app: Application, name: str) -> None:
    app.create(environment(name=name)).succeeded()
    assert about(name, app.sweep()) == []
    assert app.record(name)["status"] == "READY"
    app.delete(name).succeeded()


def test_an_environment_that_lost_its_schedule_is_deleted(app: Application, name: str) -> None:
    """W02."""
    app.create(environment(name=name)).succeeded()
    app.lose_schedule(name)
    app.alter(name, expiresAt=LONG_AGO)
    expired = [("expired and alive", "starts a deletion")]
    assert about(name, app.sweep(dry_run=True)) == expired
    assert about(name, app.sweep()) == expired

    until_deleted(app, name)

    _, leak, _ = app.published(name, "EnvironmentReady", "LeakRepaired", "EnvironmentDeleted")
    assert leak["repair"] == "starts a deletion"


def test_an_environment_that_lost_its_record_is_deleted_with_a_receipt(
    app: Application, name: str
) -> None:
    """W19."""
    app.create(environment(name=name)).succeeded()
    app.forget(name)
    orphaned = [("resources without a record", "writes a record that expires")]
    assert about(name, app.sweep()) == orphaned
    assert app.schedule(name) is not None

    app.expire(name)

    until_deleted(app, name)
    kinds = {item["kind"] for item in app.record(name)["receipt"]["items"]}
    assert {"cluster", "namespace", "service", "log group", "task definition"} <= kinds
