"""One cold start in Lambda's runtime emulator: the binary that aws-sam-cli brings."""

from __future__ import annotations

import os
import platform
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from bench.waiting import BenchError

_INIT_REPORT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")
_INVOKE_PATH = "/2015-03-31/functions/function/invocations"
_START_TIMEOUT_S = 10
_INVOKE_TIMEOUT_S = 60


def emulator_in(sam_environment: Path) -> Path:
    """The emulator's binary for this machine in the virtual environment of aws-sam-cli."""
    cpu = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    found = list(sam_environment.glob(f"lib/python*/site-packages/**/aws-lambda-rie-{cpu}"))
    if platform.system() != "Linux" or not found:
        raise BenchError(
            f"aws-sam-cli carries no Lambda runtime emulator for {platform.system()} on {cpu}: "
            "measure on Linux, on x86_64 or arm64"
        )
    return found[0]


def init_duration(emulator: Path, python: Path, task_root: Path, handler: str) -> float:
    """Milliseconds of the INIT phase of one cold start of `handler`, a `module.function`.

    `python` must have awslambdaric; `task_root` stands for /var/task. The first invocation triggers
    the start, as on demand; the handler must return null. Leaves no process behind."""
    with tempfile.TemporaryFile("w+") as log:
        with _running(emulator, python, task_root, handler, log.fileno()) as port:
            answer = _invoke(port)
        log.seek(0)
        printed = log.read()
    report = _INIT_REPORT.search(printed)
    if answer != "null" or report is None:
        raise BenchError(f"{handler} answered {answer!r} and printed:\n{printed}")
    # Not the "Init Duration" of the REPORT line: the emulator leaves it near 0.
    return float(report[1])


@contextmanager
def _running(
    emulator: Path, python: Path, task_root: Path, handler: str, log: int
) -> Iterator[int]:
    invoke, runtime_api = _free_ports()
    process = subprocess.Popen(
        [
            emulator,
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{invoke}",
            "--runtime-api-address",
            f"127.0.0.1:{runtime_api}",
            "--log-level",
            "info",
            python,
            "-m",
            "awslambdaric",
            handler,
        ],
        cwd=task_root,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(task_root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": handler,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            "AWS_REGION": "ap-northeast-1",
            "AWS_DEFAULT_REGION": "ap-northeast-1",
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "POWERTOOLS_SERVICE_NAME": "bivouac",
            "POWERTOOLS_METRICS_NAMESPACE": "Bivouac",
        },
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_until_listening(process, invoke)
        yield invoke
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.005)
    raise BenchError(f"the emulator did not listen on 127.0.0.1:{port}")


def _invoke(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=_INVOKE_TIMEOUT_S)
    try:
        connection.request("POST", _INVOKE_PATH, body="{}")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
