"""MiniStack (https://github.com/ministackorg/ministack), as it is installed in .venv-ministack."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcloud.tasks.sandbox.isolation import die_with_parent
from tests.localcloud.waiting import until_true
from tests.template.declared import PROJECT

PYTHON = PROJECT / ".venv-ministack" / "bin" / "python"
ACCOUNT = "123456789012"
REGION = "eu-central-1"


class MiniStack:
    def __init__(self, port: int) -> None:
        self._port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    def client(self, service: str) -> Any:
        """With the keys of the account's root user, the only one that it starts with."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            aws_session_token=None,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def running() -> Iterator[MiniStack]:
    """One that checks calls against IAM policies, and of which nothing is left afterwards."""
    assert PYTHON.is_file(), "MiniStack is not installed: `make emulate` does it"
    with tempfile.TemporaryDirectory() as directory, (Path(directory) / "log").open("w+") as log:
        port = _free_port()
        process = subprocess.Popen(
            [PYTHON, "-m", "ministack"],
            env=_environment(directory, port),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        emulator = MiniStack(port)
        try:
            until_true(lambda: process.poll() is not None or emulator.listens(), timeout=60)
            assert process.poll() is None, (log.seek(0), log.read())[1]
            yield emulator
        finally:
            process.terminate()
            process.wait(timeout=30)
            # The processes of functions, if it has left any.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _environment(directory: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": directory,
        "TMPDIR": directory,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # For URLs: functions answer CloudFormation on this host only.
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AUTH": "true",
        # It would clean up containers.
        "DOCKER_HOST": f"unix://{directory}/no-docker",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
