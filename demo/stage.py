"""Bivouac on a local cloud, and a person who types commands."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import mock

from bivouac_cli.program import main as bivouac
from localcloud.cloud import LocalCloud
from localcloud.template import Stack

WRITTEN = Path(".local/demo")
"""Requests that are not among the samples."""
POLL_SECONDS = 0.15
STARTS_WITHIN_SECONDS = 30.0
"""What an event starts."""
_OF_OTHERS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION")


class Stage:
    """A context manager: within it, AWS is the local cloud for everything that this process
    calls."""

    def __init__(self, cloud: LocalCloud, stack: Stack) -> None:
        self.cloud = cloud
        self._describe = stack.outputs["DescribeEnvironmentsFunctionName"]
        self._parts = ExitStack()

    def __enter__(self) -> Stage:
        keys = self.cloud.credentials.user
        variables = {
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_DEFAULT_REGION": self.cloud.account.region,
            "AWS_CONFIG_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }
        kept = {name: value for name, value in os.environ.items() if name not in _OF_OTHERS}
        self._parts.enter_context(mock.patch.dict(os.environ, kept | variables, clear=True))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._parts.close()

    def say(self, text: str) -> None:
        print(f"\n# {text}", flush=True)

    def run(self, *words: str) -> int:
        """Runs a typed command; returns the exit code."""
        print(f"\n$ bivouac {shlex.join(words)}", flush=True)
        return bivouac(words)

    def written(self, request: dict[str, Any]) -> str:
        """Writes it to a file, which exists until the demo ends."""
        WRITTEN.mkdir(parents=True, exist_ok=True)
        file = WRITTEN / f"{request['name']}.json"
        self._parts.callback(file.unlink, missing_ok=True)
        file.write_text(json.dumps(request, indent=2))
        return str(file)

    def status(self, name: str) -> dict[str, Any]:
        """The environment's status document."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self._describe, Payload=json.dumps({"environment": name})
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def happens(self, name: str, event: Callable[[], object]) -> None:
        """Returns once an execution that the event starts has taken the environment.

        Raises TimeoutError."""
        before = self.status(name)["generation"]
        event()
        end = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < end:
            if self.status(name)["generation"] > before:
                return
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"nothing happened to {name} in {STARTS_WITHIN_SECONDS:.0f} s")
