"""The process that workers are forked from: it imports once what most functions import.

Runs as a script in a process that knows nothing of this machine or of the local cloud. It speaks
JSON lines over a Unix socket (`worker_processes.py` is the other end):

    to this process  {"start": {"environment", "directory", "settings"}}, with the descriptors of
                     the worker's channel, its lifeline and its output
                     {"end": <process id>}
    to the parent    the process id, once the worker has started or ended
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

COMMON = (
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "botocore.config",
    "botocore.session",
)
"""The slowest imports of a worker; none is a module of the functions themselves."""
SERVICES = (
    "dynamodb",
    "ec2",
    "ecs",
    "events",
    "logs",
    "scheduler",
    "servicediscovery",
    "stepfunctions",
)
"""Services whose models are read once instead of by each worker."""
REQUIREMENTS = "requirements.txt"
"""Functions that bring their own packages have this file beside them."""
DESCRIPTORS = 3


def _request(parent: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """None when the parent has closed the connection."""
    line, descriptors, _, _ = socket.recv_fds(parent, 1 << 16, DESCRIPTORS)
    while line and not line.endswith(b"\n"):
        line += parent.recv(1 << 16)
    return (json.loads(line), descriptors) if line else None


_HERE = Path(__file__).parent


def _module(directory: Path, name: str) -> Any:
    """A module of the local cloud, which is not on the functions' path."""
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(name)
    finally:
        del sys.path[0]


@cache
def _import_common() -> None:
    for name in COMMON:
        importlib.import_module(name)
    _module(_HERE.parent, "botocore_lookups").keep_lookups()
    session = sys.modules["botocore.session"].Session()
    for service in SERVICES:
        session.create_client(
            service, "us-east-1", aws_access_key_id="-", aws_secret_access_key="-"
        )
    gc.freeze()  # a collection would touch, and so copy, pages that the workers share


def _end(process: int) -> int:
    """Ends a worker. Only this process waits for it, so its id cannot have been reused.

    Returns its exit code, its own if it was ending already; a signal's number is negative.
    """
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def serve(parent: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Starts and ends workers. In a new worker returns what it will run; returns None when the
    parent is done."""
    running: set[int] = set()
    while (received := _request(parent)) is not None:
        request, descriptors = received
        if "start" in request:
            if Path(request["start"]["directory"], REQUIREMENTS).is_file():
                _import_common()
            process = os.fork()
            if process == 0:
                return request["start"], descriptors
            answer = process
            running.add(process)
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            process = request["end"]
            answer = 0
            if process in running:
                running.remove(process)
                answer = _end(process)
        parent.sendall(f"{answer}\n".encode())
    for process in running:
        _end(process)
    return None


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles Ctrl-C
    parent = socket.socket(fileno=int(sys.argv[1]))
    worker_main = _module(_HERE, "worker_main")
    if (made := serve(parent)) is None:
        return
    worker, (connection, lifeline, output) = made
    parent.close()
    os.environ.clear()
    os.environ.update(worker["environment"])
    time.tzset()
    os.chdir(worker["directory"])
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    worker_main.run(connection, lifeline, worker["settings"])


if __name__ == "__main__":
    main()
