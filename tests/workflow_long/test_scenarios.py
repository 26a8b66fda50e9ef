"""The stories of `make demo` with scripted tasks: what happens in them, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.scenarios import SCENARIOS
from demo.stage import Stage
from tests.requests import event
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")
SHOP = "events/shop.json"


@pytest.fixture
def stage(app: Application) -> Iterator[Stage]:
    with Stage(app.cloud, app.stack) as stage:
        yield stage


def in_order(output: str, *expected: str) -> None:
    rest = iter(output.splitlines())
    for text in expected:
        assert any(text in line for line in rest), f"no {text!r} in its place:\n{output}"


def test_a_refused_request_lists_its_problems(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {"name": "Not A Name", "services": [{"image": "nginx"}], "colour": "red"}
    assert not SCENARIOS["cycle"](stage, stage.written(request), request)
    in_order(
        capsys.readouterr().out,
        "$ bivouac up ",
        "InvalidRequestError",
        'services[0]: a container in the place of a service; write ECS\'s: {"serviceName": "web"',
        "colour: unknown field",
    )


def test_a_lifecycle_ends_with_the_lease_and_a_push_deploys_one_service_again(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    held = SCENARIOS["lifecycle"](stage, SHOP, event("shop"))
    output = capsys.readouterr().out
    assert held, output
    in_order(
        output,
        "$ bivouac up .local/demo/shop.json",
        "shop: READY, proven",
        "# Somebody pushes shop-web:demo again",
        "$ bivouac wait shop",
        "shop: READY, proven",
        "# Deployed again, of backend, api, web: web",
        "# The lease ends",
        "$ bivouac wait shop --for deleted",
        "shop: DELETED",
        "deleted: cluster bivouac-shop",
    )


def test_office_hours_create_wake_and_put_to_sleep(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    held = SCENARIOS["office-hours"](stage, SHOP, event("shop"))
    output = capsys.readouterr().out
    assert held, output
    in_order(
        output,
        "shop: SCHEDULED",
        "# Monday morning: its first up creates it",
        "shop: READY, proven",
        "# The evening: down",
        "$ bivouac wait shop --for asleep",
        "shop: ASLEEP",
        "web -> api:api          not called",
        "# The next morning: up",
        "shop: READY, proven",
        "$ bivouac down shop",
        "deleted: up schedule",
    )


def test_a_storys_files_are_removed(app: Application) -> None:
    with Stage(app.cloud, app.stack) as stage:
        file = Path(stage.written({"name": "shop"}))
        assert file.exists()
    assert not file.exists()
