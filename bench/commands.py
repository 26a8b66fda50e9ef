"""Runs the programs that a person would type: the AWS CLI and curl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.waiting import LOOK_EVERY, BenchError, Stop, StoppedError

AWS = Path(sys.executable).parent / "aws"


@dataclass(frozen=True)
class Ended:
    exit_code: int
    output: str
    errors: str
    seconds: float


class Commands:
    """Commands with one environment. None is left running, even when the benchmark stops."""

    def __init__(self, environment: Mapping[str, str], stop: Stop) -> None:
        curl = shutil.which("curl")
        if curl is None:
            raise BenchError("the benchmark asks the services with curl, which is not installed")
        self._curl = curl
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._stop = stop

    def aws(self, *arguments: str) -> Ended:
        """Raises BenchError if the command fails."""
        ended = self._run([str(AWS), *arguments])
        if ended.exit_code:
            raise BenchError(f"aws {' '.join(arguments)}: {ended.errors.strip()}")
        return ended

    def curl(self, endpoint_url: str, host: str) -> float | None:
        """Seconds of one answered request; None if it was not answered."""
        url = f"{endpoint_url}/"
        options = ["--silent", "--fail", "--output", os.devnull, "--max-time", "5"]
        ended = self._run(
            [self._curl, *options, "--write-out", "%{time_total}", "--header", f"Host: {host}", url]
        )
        return None if ended.exit_code else float(ended.output)

    def _run(self, command: Sequence[str]) -> Ended:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C goes to the benchmark, which ends its commands itself.
            start_new_session=True,
        )
        with process:
            while True:
                try:
                    output, errors = process.communicate(timeout=LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    if self._stop.requested:
                        process.kill()
                        raise StoppedError from None
                    continue
                return Ended(process.returncode, output, errors, time.monotonic() - began)
