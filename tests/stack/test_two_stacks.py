"""Two stacks in one account and Region; one prefix is the beginning of the other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.requests import environment
from tests.workflow.application import Application, application

pytestmark = pytest.mark.xdist_group("stacks")


def undelivered(app: Application) -> list[str]:
    got = app.client("sqs").receive_message(
        QueueUrl=app.stack.resources["UndeliveredEvents"], MaxNumberOfMessages=10
    )
    return [message["Body"] for message in got.get("Messages", ())]


def found_by_a_sweep(app: Application) -> list[dict[str, Any]]:
    return app.sweep(dry_run=True)


def test_each_stack_works_and_outlives_the_other() -> None:
    with application() as first:
        second = Application(first.cloud, first.calls, first.runtime, prefix="bivouac-2")
        both = (first, second)
        started = [app.start(app.create_machine, environment(name="demo")) for app in both]
        for app, execution in zip(both, started, strict=True):
            created = app.ended(execution).succeeded()
            assert created.output["cluster"] == f"{app.prefix}-demo"
        for app in both:
            assert found_by_a_sweep(app) == []
            app.published("demo", "EnvironmentReady")

        first.delete("demo").succeeded()
        assert first.cloud.deliveries.wait_until_idle(30)
        for app in both:
            assert undelivered(app) == []
        first.cloud.delete_stack(first.stack)

        assert second.counts("demo") == {"web": (1, 1)}
        assert second.armed("demo") == ["expiry", "warning"]
        assert second.record("demo")["status"] == "READY"
        second.put("LeaseExtensionRequested", {"environment": "demo", "ttl": "9h"})
        (extended,) = second.requested(second.extend_machine, "demo", "extend")
        second.ended(extended).succeeded()
        second.put("TeardownRequested", {"environment": "demo"})
        (deletion,) = second.requested(second.delete_machine, "demo", "delete")
        second.ended(deletion).succeeded()
        assert second.left("demo") == []
        assert undelivered(second) == []
        second.cloud.delete_stack(second.stack)
