"""An HTTP server that stands in for a container image. Standard library only.

web_server.py nginx|httpd|echo|unhealthy tcp:<host>:<port>|unix:<path> [--after <seconds>]
"""

from __future__ import annotations

import argparse
import email.utils
import http
import http.server
import json
import signal
import socket
import socketserver
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    status: http.HTTPStatus
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Behaviour:
    server: str
    """The `server` header. Service Connect's proxy replaces it by its own."""
    answer: Callable[[http.server.BaseHTTPRequestHandler], Answer]


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
    told = {
        "hostname": socket.gethostname(),
        "method": request.command,
        "path": request.path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": request.rfile.read(length).decode("utf-8", "replace"),
    }
    body = json.dumps(told, indent=2).encode() + b"\n"
    return Answer(http.HTTPStatus.OK, "application/json", body)


def _unhealthy(request: http.server.BaseHTTPRequestHandler) -> Answer:
    return Answer(http.HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"unhealthy\n")


BEHAVIOURS = {
    "nginx": Behaviour("nginx/1.29.3", _welcome("nginx")),
    "httpd": Behaviour("Apache/2.4.65 (Unix)", _welcome("httpd")),
    "echo": Behaviour("bivouac-echo", _echo),
    "unhealthy": Behaviour("bivouac-unhealthy", _unhealthy),
}


def handler_of(behaviour: Behaviour) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            answer = behaviour.answer(self)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            # The base class looks for do_GET, do_POST, ...: every method gets the same answer.
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

    def __init__(self, address: str, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        kind, _, where = address.partition(":")
        if kind == "unix":
            self.address_family = socket.AF_UNIX
            super().__init__(where, handler)  # type: ignore[arg-type]
        else:
            host, _, port = where.rpartition(":")
            super().__init__((host, int(port)), handler, bind_and_activate=False)
            # The proxy listens at the same port of the aliases' loopback addresses. On ECS packets
            # are redirected to it; here the two share the port.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.server_bind()
            self.server_activate()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("behaviour", choices=sorted(BEHAVIOURS))
    parser.add_argument("address")
    parser.add_argument("--after", type=float, default=0.0, help="seconds until it listens")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    time.sleep(arguments.after)
    server = Server(arguments.address, handler_of(BEHAVIOURS[arguments.behaviour]))
    print(f"{arguments.behaviour} stand-in listens at {arguments.address}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
