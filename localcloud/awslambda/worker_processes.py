"""Starts and ends the workers' processes: copies of one that has what they all import."""

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
"""What Lambda tells every function alike."""


class WorkerProcesses:
    """Where functions need the AWS SDK, a worker starts in a tenth of the time that it takes alone.

    The process that is copied starts with the first worker."""

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
            return self._original.ask({"start": worker}, descriptors)

    def end(self, process: int) -> int:
        """End a worker at once. Ending it again changes nothing.

        Answers with its exit code, its own where it had ended by itself; a signal's number is
        negative. 0 where it was ended before."""
        with self._lock:
            return self._original.ask({"end": process}) if self._original is not None else 0

    def close(self) -> None:
        """End all of them; none is left when this returns."""
        with self._lock:
            self._closed = True
            if self._original is not None:
                self._original.close()
            self._original = None


class _Original:
    """The process that is copied."""

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

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> int:
        """The id of the process that is there now; the exit code of one that was to end."""
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
