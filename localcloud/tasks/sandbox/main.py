"""Sets up the sandbox of one task and holds the task until it ends."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

from . import isolation
from .protocol import Plan
from .spawn import kill_strays
from .task import HeldTask, tell


def main() -> None:
    """`sys.argv[1]` is the plan's file."""
    plan: Plan = json.loads(Path(sys.argv[1]).read_text())
    # The end of the server is read from the input, not taken from a signal.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if plan["isolated"]:
        try:
            _isolate(plan)
        except OSError as problem:
            tell({"event": "failed", "reason": str(problem)})
            return
    else:
        isolation.adopt_orphans()
    HeldTask(plan).hold()
    if not plan["isolated"]:
        kill_strays()


def _isolate(plan: Plan) -> None:
    isolation.enter_namespaces()
    isolation.raise_loopback()
    socket.sethostname(plan["hostname"])
    isolation.replace_files(plan["replaced_files"])
    isolation.protect_files(plan["writable"])
