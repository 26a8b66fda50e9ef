"""An HTTP server that stands in for a container image. Standard library only.

web_server.py <behaviour> tcp:<host>:<port>|unix:<path> [--after <seconds>] [--until <seconds>]

Behaviours: those of BEHAVIOURS, answers:<status>, and shows:<text>.
"""

from __future__ import annotations

import argparse
import email.utils
import http
import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UPSTREAM_SECONDS = 30.0
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Behaviour:
    server: str
    """The `server` header, which Service Connect's proxy replaces with its own."""
    answer: Callable[[http.server.BaseHTTPRequestHandler], Answer | None]
    """None: the connection is closed without a response."""


def _welcome(image: str) -> Callable[[http.server.BaseHTTPRequestHandler], Answer]:
    body = (_HERE / image / "index.html").read_bytes()

    def answer(request: http.server.BaseHTTPRequestHandler) -> Answer:
        if request.path.split("?")[0] in ("/", "/index.html"):
            return Answer(http.HTTPStatus.OK, "text/html", body)
        text = b"<html><head><title>404 Not Found</title></head><body>404 Not Found</body></html>\n"
        return Answer(http.HTTPStatus.NOT_FOUND, "text/html", text)

    return answer


def _echo(request: http.server.BaseHTTPRequestHandler) -> Answer:
    length = int(request.headers.get("content-length") or 0)
    content = {
        "hostname": socket.gethostname(),
        "method": request.command,
        "path": request.path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": request.rfile.read(length).decode("utf-8", "replace"),
    }
    body = json.dumps(content, indent=2).encode() + b"\n"
    return Answer(http.HTTPStatus.OK, "application/json", body)


def _always(
    status: int, body: bytes
) -> Callable[[http.server.BaseHTTPRequestHandler], Answer | None]:
    return lambda request: Answer(status, "text/plain", body)


def _closes(request: http.server.BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def _fake_service(request: http.server.BaseHTTPRequestHandler) -> Answer:
    """Like https://github.com/nicholasjackson/fake-service: includes its upstreams' responses."""
    if request.path in ("/health", "/ready"):
        return Answer(http.HTTPStatus.OK, "text/plain", b"OK")
    upstreams = [uri for uri in os.environ.get("UPSTREAM_URIS", "").split(",") if uri]
    calls = {uri: _call(uri.rstrip("/") + request.path) for uri in upstreams}
    good = all(call["code"] == http.HTTPStatus.OK for call in calls.values())
    status = http.HTTPStatus.OK if good else http.HTTPStatus.INTERNAL_SERVER_ERROR
    content: dict[str, Any] = {
        "name": os.environ.get("NAME", "Service"),
        "uri": request.path,
        "type": "HTTP",
        "body": os.environ.get("MESSAGE", "Hello World"),
        "code": int(status),
    }
    if calls:
        content["upstream_calls"] = calls
    return Answer(status, "application/json", json.dumps(content, indent=2).encode() + b"\n")


def _call(uri: str) -> dict[str, Any]:
    # Imported here, because the other stand-ins start faster without it.
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(uri, timeout=_UPSTREAM_SECONDS) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        status, body = answer.code, answer.read()
    except OSError as problem:
        return {"uri": uri, "code": -1, "error": str(problem)}
    try:
        content = json.loads(body)
    except ValueError:
        content = {"body": body.decode("utf-8", "replace")}
    return {**content, "uri": uri, "code": status}


BEHAVIOURS = {
    "nginx": Behaviour("nginx/1.29.3", _welcome("nginx")),
    "httpd": Behaviour("Apache/2.4.65 (Unix)", _welcome("httpd")),
    "echo": Behaviour("bivouac-echo", _echo),
    "fake-service": Behaviour("fake-service", _fake_service),
    "unhealthy": Behaviour("bivouac-unhealthy", _always(500, b"unhealthy\n")),
    "closes": Behaviour("bivouac-closes", _closes),
}


def behaviour_of(name: str) -> Behaviour:
    kind, _, rest = name.partition(":")
    if kind == "answers":
        return Behaviour("bivouac-answers", _always(int(rest), f"always {rest}\n".encode()))
    if kind == "shows":
        return Behaviour("bivouac-shows", _always(http.HTTPStatus.OK, f"{rest}\n".encode()))
    return BEHAVIOURS[kind]


def handler_of(behaviour: Behaviour) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            answer = behaviour.answer(self)
            if answer is None:
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            # The base class looks for do_GET, do_POST, ...: every method gets the same response.
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def version_string(self) -> str:
            return behaviour.server

        def address_string(self) -> str:
            return self.client_address[0] if self.client_address else "-"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            status = code.value if isinstance(code, http.HTTPStatus) else code
            agent = self.headers.get("user-agent", "-") if hasattr(self, "headers") else "-"
            moment = email.utils.formatdate(usegmt=True)
            print(
                f'{self.address_string()} - - [{moment}] "{self.requestline}" {status} "{agent}"',
                flush=True,
            )

    return Handler


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, handler: type[socketserver.BaseRequestHandler]) -> None:
        kind, _, where = address.partition(":")
        if kind == "unix":
            self.address_family = socket.AF_UNIX
            super().__init__(where, handler)  # type: ignore[arg-type]
        else:
            host, _, port = where.rpartition(":")
            super().__init__((host, int(port)), handler, bind_and_activate=False)
            # The proxy listens on the same port of the aliases' loopback addresses. On ECS packets
            # are redirected to it; here the two share the port.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.server_bind()
            self.server_activate()


def _crash() -> None:
    print("fatal: lost the connection to the database", flush=True)
    os._exit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("behaviour", type=behaviour_of)
    parser.add_argument("address")
    parser.add_argument("--after", type=float, default=0.0, help="seconds until it listens")
    parser.add_argument("--until", type=float, help="seconds until it crashes")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    time.sleep(arguments.after)
    server = Server(arguments.address, handler_of(arguments.behaviour))
    print(f"{arguments.behaviour.server} stand-in listens at {arguments.address}", flush=True)
    if arguments.until is not None:
        timer = threading.Timer(arguments.until, _crash)
        timer.daemon = True
        timer.start()
    server.serve_forever()


if __name__ == "__main__":
    main()
