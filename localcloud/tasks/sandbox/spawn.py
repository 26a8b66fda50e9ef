"""Starts a process of the task, and ends it with everything that it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .isolation import die_with_parent


class CannotStartError(Exception):
    """There is no such program. The text is the container runtime's."""


def spawn(
    argv: Sequence[str], environment: Mapping[str, str], output: int, *, in_namespace: bool
) -> int:
    """The id of a new process, which leads its own group and prints to `output`.

    Raises CannotStartError.
    """
    program = shutil.which(argv[0], path=environment.get("PATH", ""))
    if program is None:
        raise CannotStartError(
            "CannotStartContainerError: Error response from daemon: failed to create task for "
            "container: failed to create shim task: OCI runtime create failed: runc create failed: "
            f'unable to start container process: exec: "{argv[0]}": executable file not found in '
            "$PATH: unknown"
        )
    child = subprocess.Popen(
        [program, *argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
        # A PID namespace ends its processes by itself; without one each must be signalled.
        preexec_fn=None if in_namespace else die_with_parent,
    )
    # The loop reaps every child; Popen must not try to.
    child.returncode = 0
    return child.pid


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signals a process and everything in its group; does nothing if they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def kill_strays() -> None:
    """Kills adopted orphans that had left their container's group. Linux only; does nothing
    elsewhere.

    The end of a PID namespace does the same."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while children.exists() and (strays := children.read_text().split()):
        for stray in strays:
            os.kill(int(stray), signal.SIGKILL)
        # A killed child stays ours until we have waited for it; its own children then become ours.
        os.waitpid(-1, 0)
