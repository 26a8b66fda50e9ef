"""Stopped tasks are read only if they may explain why ours do not run."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bivouac.services import observation
from bivouac.services.deployments import Expected
from tests.unit.described import DEPLOYMENT, OURS, deployment, service, stopped, task

BEFORE = "ecs-svc/0000000000000000001"
STOPPED = stopped("CannotPullContainerError: not found")
IN_PROGRESS = deployment(rolloutState="IN_PROGRESS")


@pytest.mark.parametrize(
    ("running", "asked_for"),
    [
        ([task()], False),
        ([task(), task(startedBy=BEFORE)], False),
        ([task(lastStatus="PENDING")], True),
        ([task(healthStatus="UNHEALTHY")], True),
        ([], True),
        ([task(startedBy=BEFORE)], True),
    ],
    ids=["ours runs", "both run", "starting", "sick", "nothing runs", "the one before runs"],
)
def test_stopped_tasks_are_read_while_ours_do_not_run_as_desired(
    monkeypatch: pytest.MonkeyPatch, running: list[dict[str, Any]], asked_for: bool
) -> None:
    """Even if the previous deployment has as many tasks as desired."""
    monkeypatch.setattr(observation, "tasks_by_service", lambda *_: {"web": [STOPPED]})
    seen = observation.observed(
        cast(Any, None),
        "bivouac-demo",
        [Expected("web", OURS, DEPLOYMENT)],
        {"web": service(deployments=[IN_PROGRESS])},
        {"web": running},
    )
    assert seen["web"].stopped == ((STOPPED,) if asked_for else ())
