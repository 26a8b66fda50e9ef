"""`make demo` as a user starts it: a process of its own, its output not a terminal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.localcloud.waiting import until_true

pytestmark = pytest.mark.xdist_group("workflow-trouble")
ROOT = Path(__file__).parent.parent.parent
LIMIT_SECONDS = 180
"""A demo takes about 35 s alone, and several times that beside everything else."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo(request: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"LOCALCLOUD_PORT": str(port), "LOCALCLOUD_TIMINGS": "test"}
    with subprocess.Popen(
        [sys.executable, "-m", "demo", str(request)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def parents() -> dict[int, int]:
    """Each process of this machine and its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def descendants(process: int) -> set[int]:
    children = {child for child, parent in parents().items() if parent == process}
    return children.union(*(descendants(child) for child in children))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """What the demo prints up to a line that contains `text`."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"never printed {text!r}:\n{''.join(lines)}")


def test_the_tutorial_is_created_proven_and_deleted() -> None:
    port = free_port()
    with demo(ROOT / "events" / "tutorial.json", port) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, output
    for told in (
        "Create namespace",
        "Probe private addresses",
        "Environment ready",
        "HTTP 200, server: envoy, 3 times in a row",
        "registered in Cloud Map as nginx",
        "Environment deleted",
        "bivouac-tutorial--service-connect-nginx-service:1",
        "tutorial-expiry",
        "Everything held",
    ):
        assert told in output
    assert not any(line.strip().startswith("NG") for line in output.splitlines())
    assert is_free(port)


def test_the_shops_edges_are_told_as_they_are_proven() -> None:
    """P01: only from inside the mesh does an edge answer by its alias."""
    with demo(ROOT / "events" / "shop.json", free_port()) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, output
    lines = [line.strip() for line in output.splitlines()]
    for told in (
        "api waits for backend (HEALTHY)",
        "web waits for api (START)",
        "backend healthy",
        "edge api -> backend:backend OK",
        "edge web -> api:api OK",
        "OK  web -> api:api          api:8080 answers",
        "OK  api -> backend:backend  backend:9090 answers",
    ):
        assert lines.count(told) == 1, output
    assert lines.index("backend healthy") < lines.index("edge api -> backend:backend OK")
    assert lines.count("Wait for the services") == 1, "a wait that goes on floods nothing"
    assert not any(line.startswith("NG") or line.endswith(" NG") for line in lines)
    assert "Everything held" in output


def test_a_service_that_fails_is_told_with_what_to_do_about_it(tmp_path: Path) -> None:
    """H07: an image that cannot be pulled never heals."""
    content = json.loads((ROOT / "events" / "smallest.json").read_text())
    content["services"][0]["primaryContainer"]["image"] = "nowhere/nothing:1"
    request = tmp_path / "request.json"
    request.write_text(json.dumps(content | {"onFailure": "keep"}))
    with demo(request, free_port()) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 1, output
    assert "DeploymentFailedError" in output
    assert "image pull: CannotPullContainerError" in output
    assert "next step: " in output
    assert "Not everything held" in output


def test_what_is_no_request_is_told(tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text("{")
    with demo(request, free_port()) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 2
    assert "is not a request that can be read" in output


def test_a_taken_port_is_told_and_nothing_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(ROOT / "events" / "tutorial.json", port) as process:
            output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 1
    assert str(port) in output
    assert "LOCALCLOUD_PORT" in output


@pytest.mark.parametrize(
    ("signal_number", "while_it_says"),
    [(signal.SIGINT, "Probe private addresses"), (signal.SIGTERM, "deploying template.yaml")],
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


def test_what_is_no_profile_of_timings_is_told() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "demo", "events/tutorial.json"],
        cwd=ROOT,
        env=os.environ | {"LOCALCLOUD_TIMINGS": "warp"},
        text=True,
        capture_output=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert "LOCALCLOUD_TIMINGS=warp is none of aws-like, demo, test" in ended.stdout


def test_what_is_no_port_is_told() -> None:
    environment = os.environ | {"LOCALCLOUD_PORT": "eighty"}
    for module in ("demo", "localcloud"):
        ended = subprocess.run(
            [sys.executable, "-m", module, "events/tutorial.json"],
            cwd=ROOT,
            env=environment,
            text=True,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert ended.returncode == 1
        assert "LOCALCLOUD_PORT=eighty is not a port" in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
