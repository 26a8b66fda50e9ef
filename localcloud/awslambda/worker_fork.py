"""The process that all workers are copies of: what most functions import is imported once.

Runs as a script in a process of its own that knows nothing of this machine and nothing of the local
cloud. It speaks JSON lines over a Unix socket (`worker_processes.py` is the other end):

    to this process  {"start": {"environment", "directory", "settings"}}, with the descriptors of
                     the worker's channel, its lifeline and its output
                     {"end": <process id>}
    to the parent    the process id, once it is there or gone
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
"""What costs the start of a worker most, and nothing of the functions' own modules."""
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
"""Whose models are read once, and not by each worker again."""
REQUIREMENTS = "requirements.txt"
"""Functions beside which this file lies bring packages with them."""
DESCRIPTORS = 3


def _request(parent: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """None when the parent has hung up."""
    line, descriptors, _, _ = socket.recv_fds(parent, 1 << 16, DESCRIPTORS)
    while line and not line.endswith(b"\n"):
        line += parent.recv(1 << 16)
    return (json.loads(line), descriptors) if line else None


_HERE = Path(__file__).parent


def _module(directory: Path, name: str) -> Any:
    """A module of the local cloud, which functions do not see on their path."""
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
    gc.freeze()  # what is never freed need not be copied to be looked through


def _end(process: int) -> int:
    """Nobody else has waited for it, so its id cannot be another's by now.

    Answers with its exit code, its own where it was ending already; a signal's number is negative.
    """
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def serve(parent: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Make and end copies. Returns in a copy, with what it is to be; None: no more is asked for."""
    running: set[int] = set()
    while (asked := _request(parent)) is not None:
        request, descriptors = asked
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
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
