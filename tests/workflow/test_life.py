"""An environment's life where all goes well: created, proven, deleted, nothing left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.requests import environment, event
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")


class TestTutorial:
    def test_it_is_created_and_proven_then_deleted_with_nothing_left(
        self, app: Application, name: str
    ) -> None:
        """H01, H20, H21, P03, P06, P07, D05, D14."""
        namespace = f"{name}-connect"
        began = datetime.now(UTC)
        created = app.create({**event("tutorial"), "name": name, "namespace": namespace})

        assert created.status == "SUCCEEDED", created.cause
        assert created.output["status"] == "READY"
        assert created.output["namespace"] == namespace
        assert {check["outcome"] for check in created.output["proof"]} == {"OK"}
        asked = [check for check in created.output["proof"] if check["endpoint"] == "nginx"]
        assert ["server: envoy" in check["observed"] for check in asked[-2:]] == [True, True]

        record = app.record(name)
        assert record is not None
        assert (record["status"], record["generation"]) == ("READY", 1)
        assert record["proof"] == created.output["proof"]

        expires = datetime.fromisoformat(created.output["expiresAt"])
        assert timedelta(hours=8) <= expires - began < timedelta(hours=8, minutes=1)
        schedule = app.schedule(name)
        assert schedule is not None
        assert schedule["ScheduleExpression"] == f"at({expires:%Y-%m-%dT%H:%M:%S})"
        assert schedule["Target"]["Arn"] == app.delete_machine

        deleted = app.delete(name)

        assert deleted.status == "SUCCEEDED", deleted.cause
        outcomes = {(item["kind"], item["outcome"]) for item in deleted.output["items"]}
        assert ("service", "DELETED") in outcomes
        assert ("cluster", "DELETED") in outcomes
        assert ("namespace", "DELETED") in outcomes
        assert ("log group", "DELETED") in outcomes
        assert ("task definition", "DELETING") in outcomes
        record = app.record(name)
        assert record is not None
        assert record["status"] == "DELETED"
        assert record["receipt"] == deleted.output
        assert app.schedule(name) is None
        assert app.left(name, namespace) == []
        assert "nginx" not in app.cloud_map_services()


class TestSmallestRequest:
    def test_the_stack_fills_in_the_rest(self, app: Application, name: str) -> None:
        created = app.create(environment(name=name))

        assert created.status == "SUCCEEDED", created.cause
        assert created.output["cluster"] == f"bivouac-{name}"
        assert created.output["namespace"] == f"bivouac-{name}"
        assert app.delete(name).status == "SUCCEEDED"
        assert app.left(name) == []
