"""Starts and ends the workers' processes, as forks of one that has imported what they share."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("worker_fork.py")
ENVIRONMENT = {
    "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
    "LANG": "en_US.UTF-8",
    "PATH": os.defpath,
    "TZ": ":UTC",
}
"""Environment variables that Lambda sets for every function alike."""


class WorkerProcesses:
    """Where functions need the AWS SDK, a forked worker starts in a tenth of the time.

    The process that is forked starts with the first worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._original: _Original | None = None

    def start(
        self,
        environment: Mapping[str, str],
        directory: Path,
        settings: Mapping[str, Any],
        descriptors: Sequence[int],
    ) -> int:
        """The id of a new worker with these descriptors: its channel, lifeline and output."""
        worker = {
            "environment": dict(environment),
            "directory": str(directory),
            "settings": settings,
        }
        with self._lock:
            if self._closed:
                raise RuntimeError("the local cloud is closed: no function can be invoked")
            self._original = self._original or _Original()
            return self._original.send({"start": worker}, descriptors)

    def end(self, process: int) -> int:
        """Ends a worker at once. Ending it again changes nothing.

        Returns its exit code, its own if it had ended by itself (a signal's number is negative), or
        0 if it was ended before."""
        with self._lock:
            return self._original.send({"end": process}) if self._original is not None else 0

    def close(self) -> None:
        """Ends all of them; none is left when this returns."""
        with self._lock:
            self._closed = True
            if self._original is not None:
                self._original.close()
            self._original = None


class _Original:
    """The process that is forked."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT), str(theirs.fileno())],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()

    def send(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> int:
        """The id of the new process, or the exit code of the ended one."""
        line = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(self._channel, [line], descriptors)
        self._channel.sendall(line[sent:])
        answer = b""
        while not answer.endswith(b"\n"):
            chunk = self._channel.recv(64)
            if not chunk:
                raise RuntimeError(f"{_SCRIPT.name} has ended: what it printed says why")
            answer += chunk
        return int(answer)

    def close(self) -> None:
        self._channel.close()
        self._process.wait()
