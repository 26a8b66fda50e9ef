"""`make demo` as a user starts it: in its own process, its output not a terminal."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
