"""The stories of `make demo`, told by scripted tasks: what happens in them, and in which order."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from localcloud.cloud import LocalCloud
from localcloud.scenarios import lifecycle, office_hours
from localcloud.showing import Screen
from localcloud.stage import Stage
from localcloud.tasks import scripted
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.timings import TEST
from tests.requests import event
from tests.workflow.application import WAIT_SCALE

pytestmark = pytest.mark.xdist_group("scenarios")


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(timings=TEST, runtime="scripted", port=0, wait_scale=WAIT_SCALE) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stage(cloud: LocalCloud) -> Stage:
    stage = Stage(cloud, Screen(Console(file=io.StringIO(), width=200)))
    runtime = cloud.runtime
    assert isinstance(runtime, ScriptedRuntime)
    runtime.script(stage.stack.parameters["ProofImage"], scripted.proof_client)
    return stage


def told(stage: Stage) -> list[str]:
    """The lines since the last story."""
    file = stage.screen.console.file
    assert isinstance(file, io.StringIO)
    lines = file.getvalue().splitlines()
    file.truncate(0)
    file.seek(0)
    return [line.strip() for line in lines]


def in_order(lines: list[str], *expected: str) -> None:
    rest = iter(lines)
    for text in expected:
        assert any(text in line for line in rest), f"no {text!r} in its place:\n" + "\n".join(lines)


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
