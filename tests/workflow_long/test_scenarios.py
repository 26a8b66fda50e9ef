"""The stories of `make demo`, told by scripted tasks: what happens in them, and in which order."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from demo.scenarios import cycle, lifecycle, office_hours
from demo.showing import Screen
from demo.stage import Stage
from tests.requests import event
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")


@pytest.fixture
def stage(app: Application) -> Stage:
    return Stage(app.cloud, app.stack, Screen(Console(file=io.StringIO(), width=200)))


def told(stage: Stage) -> list[str]:
    file = stage.screen.console.file
    assert isinstance(file, io.StringIO)
    return [line.strip() for line in file.getvalue().splitlines()]


def in_order(lines: list[str], *expected: str) -> None:
    rest = iter(lines)
    for text in expected:
        assert any(text in line for line in rest), f"no {text!r} in its place:\n" + "\n".join(lines)


def test_a_refused_request_lists_its_problems(stage: Stage) -> None:
    request = {"name": "Not A Name", "services": [{"image": "nginx"}], "colour": "red"}
    assert not cycle(stage, request)
    in_order(
        told(stage),
        "InvalidRequestError",
        "colour: unknown field",
        "services[0].serviceName: required, but missing",
    )
    assert "'Not A Name' is not an environment name" in "\n".join(told(stage))


def test_a_lifecycle_ends_with_the_lease_and_a_push_deploys_one_service_again(
    stage: Stage,
) -> None:
    held = lifecycle(stage, event("shop"))
    lines = told(stage)
    assert held, "\n".join(lines)
    in_order(
        lines,
        "== create_environment",
        "Environment ready",
        "== Proven",
        "== Somebody pushes shop-web:demo again",
        "Environment ready",
        "Environment redeployed",
        ": web. The lease ends at ",
        "== delete_environment, started by the schedule",
        "Environment deleted",
        "DELETED       cluster",
    )


def test_office_hours_create_wake_and_put_to_sleep(stage: Stage) -> None:
    held = office_hours(stage, event("shop"))
    lines = told(stage)
    assert held, "\n".join(lines)
    in_order(
        lines,
        "Environment scheduled",
        "== Monday morning: its first up creates it",
        "Environment ready",
        "Environment awake",
        "== The evening: down",
        "Environment asleep",
        "== The next morning: up",
        "Environment awake",
        "Environment deleted",
        "DELETED       up schedule",
    )
