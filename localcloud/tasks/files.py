"""The runtime's files: one private directory that holds every socket and is removed with the
runtime."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from . import envoy

_CLIENT = Path(__file__).parent.parent / "images" / "http_client.py"

_REMOVE_AT_END_OF_INPUT = (
    "trap '' INT TERM HUP; read -r line; "
    'for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1"; [ -e "$1" ] || exit 0; sleep 0.2; done'
)


class RuntimeFiles:
    """Created with mode 0700. A small separate process removes it, even if the server is killed.

    Paths stay under 100 characters: a Unix socket's path may have 103 on macOS, 107 on Linux.
    """

    def __init__(self) -> None:
        # Not tempfile's default: on macOS that is a long path.
        self.root = Path(tempfile.mkdtemp(prefix="bivouac-", dir="/tmp"))
        self._janitor = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE_AT_END_OF_INPUT, "bivouac-janitor", str(self.root)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        self.endpoints = self.root / "endpoints"
        self.endpoints.mkdir()
        self.tools = self.root / "bin"
        self._staging = self.root / "staging"
        self._staging.mkdir()
        self._endpoints_lock = threading.Lock()
        self._make_tools()

    def address(self, private_ip: str) -> Path:
        """The directory of the task with this address."""
        return self.root / "addresses" / private_ip

    def socket(self, private_ip: str, port: int) -> Path:
        """The Unix socket that stands for a task's address."""
        return self.address(private_ip) / str(port)

    def write_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        """Writes where an endpoint leads; every Envoy sees it within milliseconds."""
        with self._endpoints_lock:
            self._write_endpoint(endpoint, [self.socket(ip, port) for ip, port in addresses])

    def ensure_endpoint(self, endpoint: str) -> None:
        """Creates an endpoint's file: at its start Envoy waits for the files that its configuration
        names."""
        with self._endpoints_lock:
            if not envoy.endpoint_file(self.endpoints, endpoint).exists():
                self._write_endpoint(endpoint, [])

    def _write_endpoint(self, endpoint: str, sockets: Sequence[Path]) -> None:
        file = envoy.endpoint_file(self.endpoints, endpoint)
        # Envoy reads a file when it is moved into the directory, so it never sees half of one.
        staged = self._staging / file.name
        staged.write_text(json.dumps(envoy.endpoint_assignment(endpoint, sockets)))
        staged.replace(file)

    def remove_address(self, private_ip: str) -> None:
        shutil.rmtree(self.address(private_ip), ignore_errors=True)

    def remove(self) -> None:
        self._janitor.communicate(timeout=10)

    def _make_tools(self) -> None:
        """curl and wget for health checks, used only if this machine has none."""
        self.tools.mkdir()
        for name in ("curl", "wget"):
            tool = self.tools / name
            tool.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{_CLIENT}' {name} \"$@\"\n")
            tool.chmod(0o700)
