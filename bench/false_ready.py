"""How often an endpoint that does not serve is called proven: wrong ports, paths and protocols,
dead applications behind live proxies, and backends that fail now and then.

The probe's own code asks real sockets on 127.0.0.1, in shorter times. Each endpoint is one that a
person would not call READY; what is right is known from its kind.
"""

from __future__ import annotations

import argparse
import itertools
import socketserver
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from typing import Any
from unittest import mock

from rich.console import Console

from bench.figures import Target as Goal
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import Stop
from bivouac.proof import asking, probe, row
from localcloud.images.http2_server import Http2Server
from tests.servers import port_of, running

EACH = 30
"""Endpoints of every kind."""
FEWEST = 300
PACE = {
    "WINDOW_SECONDS": 0.6,
    "LONGEST_SECONDS": 1.2,
    "SETTLED_SECONDS": 0.4,
    "PAUSE_SECONDS": 0.02,
}

ANY_PORT = "tcp:127.0.0.1:0"
OF_APPLICATION = {"Server": "envoy", "x-envoy-upstream-service-time": "1"}
OF_PROXY = {"Server": "envoy"}


class _Proxy(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers as a Service Connect proxy does before an application of this kind."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answers: Sequence[tuple[int, dict[str, str]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers = itertools.cycle(answers)


class _Answer(BaseHTTPRequestHandler):
    server: _Proxy

    def do_GET(self) -> None:
        status, headers = next(self.server.answers)
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Requests of the probe are no news."""


class _Closes(socketserver.BaseRequestHandler):
    """A proxy whose application is dead accepts a TCP connection and closes it."""


class _Silent(socketserver.BaseRequestHandler):
    """A port that only stays open."""

    def handle(self) -> None:
        while self.request.recv(1024):
            pass


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    request_queue_size = 256


Server = Callable[[], socketserver.TCPServer]


def _http(*answers: tuple[int, dict[str, str]]) -> Server:
    return lambda: _Proxy(answers)


def _tcp(handler: type[socketserver.BaseRequestHandler]) -> Server:
    return lambda: _Tcp(("127.0.0.1", 0), handler)


GOOD, DEAD = (200, OF_APPLICATION), (503, OF_PROXY)
KINDS: Sequence[tuple[str, asking.Protocol, Server]] = (
    ("wrong port", "http", _http(DEAD)),
    ("wrong path", "http", _http((404, OF_APPLICATION))),
    ("broken application", "http", _http((500, OF_APPLICATION))),
    ("not through the proxy", "http", _http((200, {"Server": "nginx"}))),
    ("retried 503s, every second", "http", _http(GOOD, (503, OF_APPLICATION))),
    ("retried 503s, every third", "http", _http(GOOD, GOOD, (503, OF_APPLICATION))),
    ("failures of two kinds", "http", _http(GOOD, DEAD, GOOD, (500, OF_APPLICATION))),
    ("port that only stays open, http", "http", _tcp(_Silent)),
    ("port that only stays open, http2", "http2", _tcp(_Silent)),
    ("port that only stays open, grpc", "grpc", _tcp(_Silent)),
    ("dead application, tcp", "tcp", _tcp(_Closes)),
    ("http server, asked in http2", "http2", _http(GOOD)),
    ("http server, asked in grpc", "grpc", _http(GOOD)),
    ("http2 server, asked in grpc", "grpc", lambda: Http2Server("http2", ANY_PORT, "envoy")),
    (
        "grpc server that is not serving",
        "grpc",
        lambda: Http2Server("not-serving", ANY_PORT, "envoy"),
    ),
)


def measured(each: int) -> list[dict[str, Any]]:
    """The checks of every endpoint, each with its kind."""
    with ExitStack() as stack:
        for name, seconds in PACE.items():
            stack.enter_context(mock.patch.object(row, name, seconds))
        stack.enter_context(mock.patch.object(asking, "ATTEMPT_SECONDS", 1.0))
        targets = [
            probe.Target(
                kind,
                f"{number}",
                protocol,
                port_of(stack.enter_context(running(server()))),
                "/",
                200,
                399,
                1,
                ["127.0.0.1"],
                [],
                "",
            )
            for kind, protocol, server in KINDS
            for number in range(each)
        ]
        return [
            asdict(check) for called in probe.prove(targets, "private") for check in called.checks
        ]


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.false_ready", description=__doc__)
    parser.add_argument("--each", type=int, default=EACH, help="endpoints of every kind")
    given = parser.parse_args()

    def measure(console: Console, _: Stop) -> Measurement:
        checks = measured(given.each)
        shown = table("\nEndpoints that do not serve", "endpoint", "n", "called proven", "told as")
        for kind, _protocol, _server in KINDS:
            of_kind = [check for check in checks if check["service"] == kind]
            proven = sum(check["outcome"] == "OK" for check in of_kind)
            observed = of_kind[0]["observed"].partition(" ")[2]
            shown.add_row(kind, str(len(of_kind)), str(proven or ""), observed[:70])
        console.print(shown)
        outcomes = Counter(check["outcome"] for check in checks)
        goals = [
            Goal("endpoints falsely called proven", outcomes["OK"], 0),
            Goal(f"endpoints that {FEWEST} lacks", max(0, FEWEST - len(checks)), 0),
        ]
        return Measurement(goals, {"checks": checks})

    return run("false_ready", measure)


if __name__ == "__main__":
    sys.exit(main())
