"""`make demo` shows an environment's life, and says what it cannot do. `make endure` has more."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endurance.demo_process import LIMIT_SECONDS, ROOT, demo, free_port, is_free

pytestmark = pytest.mark.xdist_group("workflow-trouble")


def test_the_tutorial_is_created_proven_and_deleted() -> None:
    port = free_port()
    with demo(ROOT / "events" / "tutorial.json", port) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, output
    for told in (
        "/events/tutorial.json\n",
        "HTTP 200, server: envoy, 8 times in a row",
        "registered in Cloud Map as nginx",
        "service-connect-nginx-service:nginx: nginx.service-connect:80 answers",
        "tutorial: READY, proven",
        "$ bivouac down tutorial",
        "bivouac-tutorial--service-connect-nginx-service:1",
        "tutorial-expiry",
        "tutorial: DELETED",
        "Everything held",
        "Next:\n  make local ",
    ):
        assert told in output
    assert is_free(port)


def test_an_invalid_request_file_is_reported(tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text("{")
    with demo(request, free_port()) as process:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 2
    assert "is not a request that can be read" in output


def test_a_taken_port_is_reported_and_nothing_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(ROOT / "events" / "tutorial.json", port) as process:
            output, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 1
    assert str(port) in output
    assert "LOCALCLOUD_PORT" in output


def test_an_unknown_timings_profile_is_reported() -> None:
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


def test_an_invalid_port_is_reported() -> None:
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
