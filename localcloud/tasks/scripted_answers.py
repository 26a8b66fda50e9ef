"""HTTP answers of scripted tasks: what a probe meets where nothing really runs."""

from __future__ import annotations

import itertools
import shutil
import socketserver
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path


@dataclass(frozen=True)
class HttpAnswer:
    """The answer to every GET. `server` is "envoy" if the proxy answers (P06)."""

    status: int
    server: str
    instead_of_application: bool = False
    """The server's own proxy answers: no application can be reached behind it, or one that does
    not speak the endpoint's protocol."""


class AnsweringSockets:
    """Unix sockets that each give one HTTP answer, created on first use, until `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._directory: Path | None = None
        self._names = itertools.count()
        self._servers: dict[tuple[str, int], _Server] = {}

    def path(self, address: tuple[str, int], answer: HttpAnswer) -> Path:
        """The socket that stands for a task's (private ip, port)."""
        with self._lock:
            server = self._servers.get(address)
            if server is None:
                # Unix socket paths must be short, however deep the test's directory is.
                self._directory = self._directory or Path(tempfile.mkdtemp(prefix="scripted-"))
                server = _Server(self._directory / str(next(self._names)), answer)
                self._servers[address] = server
            return server.path

    def close(self) -> None:
        with self._lock:
            for server in self._servers.values():
                server.close()
            self._servers.clear()
            if self._directory is not None:
                shutil.rmtree(self._directory)
                self._directory = None


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, answer: HttpAnswer) -> None:
        super().__init__(str(path), _Handler)
        self.path = path
        self.answer = answer
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(self.server.answer.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def version_string(self) -> str:
        return self.server.answer.server

    def log_message(self, format: str, *args: object) -> None:
        """Does not log: a test's requests are of no interest."""
