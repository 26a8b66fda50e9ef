"""`make demo` with edges, with a service that fails, and interrupted."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.endurance.demo_process import (
    LIMIT_SECONDS,
    ROOT,
    demo,
    descendants,
    free_port,
    is_free,
    lines_until,
    parents,
)
from tests.localcloud.waiting import until_true


def test_the_shops_edges_are_shown_as_they_are_proven() -> None:
    """P01: only inside the mesh does an edge answer by its alias."""
    with demo(ROOT / "events" / "shop.json", free_port()) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, output
    created, _, _ = output.partition("bivouac down")
    lines = [line.strip() for line in created.splitlines()]
    for told in (
        "api: MISSING (waiting for backend (HEALTHY))",
        "backend: HEALTHY, 1 of 1 tasks running",
        "api -> backend:backend: backend:9090 answers",
        "web -> api:api: api:8080 answers",
        "shop: READY, proven",
    ):
        assert lines.count(told) == 1, output
    answered = lines.index("api -> backend:backend: backend:9090 answers")
    assert lines.index("backend: HEALTHY, 1 of 1 tasks running") < answered
    assert answered < lines.index("shop: READY, proven")
    assert "Everything held" in output


def test_a_failing_service_is_shown_with_the_next_step(tmp_path: Path) -> None:
    """H07: an image that cannot be pulled never heals."""
    content = json.loads((ROOT / "events" / "smallest.json").read_text())
    content["services"][0]["primaryContainer"]["image"] = "nginx:no-such-tag"
    request = tmp_path / "request.json"
    request.write_text(json.dumps(content | {"onFailure": "keep"}))
    with demo(request, free_port()) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 1, output
    assert "DeploymentFailedError" in output
    assert "image pull: CannotPullContainerError" in output
    assert "next step: " in output
    assert "Not everything held" in output


@pytest.mark.parametrize(
    ("signal_number", "while_it_says"),
    [(signal.SIGINT, "HEALTHY, 1 of 1 tasks running"), (signal.SIGTERM, "deploying template.yaml")],
)
def test_an_interrupted_demo_leaves_nothing_behind(
    signal_number: signal.Signals, while_it_says: str
) -> None:
    port = free_port()
    with demo(ROOT / "events" / "smallest.json", port) as process:
        lines_until(process, while_it_says)
        started = descendants(process.pid)
        assert started or signal_number == signal.SIGTERM, "the task's processes run by now"
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 130, output
    assert "Nothing is left running" in output
    until_true(lambda: not started & parents().keys())
    assert is_free(port)
