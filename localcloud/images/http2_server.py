"""An HTTP/2 or gRPC server that stands in for a container image, in cleartext with prior knowledge.

http2_server.py http2|grpc|answers:<status>|not-serving|no-health tcp:<host>:<port>|unix:<path>

gRPC: the health service answers SERVING, not-serving NOT_SERVING, and no-health has none, as every
other method of either.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import socketserver
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

HEALTH = "/grpc.health.v1.Health/Check"
_STATUSES = {"grpc": b"\x08\x01", "not-serving": b"\x08\x02"}
_UNIMPLEMENTED = "12"


class Http2Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers every request by its behaviour; `asked` has the paths."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, behaviour: str, address: str, signature: str = "stand-in") -> None:
        """`signature`: the `server` header."""
        self.behaviour = behaviour
        self.signature = signature
        self.paths: list[str] = []
        kind, _, where = address.partition(":")
        if kind == "unix":
            self.address_family = socket.AF_UNIX
            super().__init__(where, _Connection)  # type: ignore[arg-type]
            return
        host, _, port = where.rpartition(":")
        super().__init__((host, int(port)), _Connection, bind_and_activate=False)
        # As web_server.py does, for an alias of the same port.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.server_bind()
        self.server_activate()


class _Connection(socketserver.BaseRequestHandler):
    server: Http2Server

    def handle(self) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        paths: dict[int, str] = {}
        with contextlib.suppress(ProtocolError, OSError):
            self.request.sendall(connection.data_to_send())
            while received := self.request.recv(65_536):
                for event in connection.receive_data(received):
                    if isinstance(event, RequestReceived):
                        headers = {str(name): str(value) for name, value in event.headers or ()}
                        paths[event.stream_id or 0] = headers[":path"]
                    elif isinstance(event, DataReceived):
                        connection.acknowledge_received_data(
                            event.flow_controlled_length or 0, event.stream_id or 0
                        )
                    elif isinstance(event, StreamEnded):
                        stream_id = event.stream_id or 0
                        self._answer(connection, stream_id, paths.pop(stream_id, "/"))
                self.request.sendall(connection.data_to_send())

    @property
    def _signature(self) -> tuple[str, str]:
        return "server", self.server.signature

    def _answer(self, connection: H2Connection, stream_id: int, path: str) -> None:
        self.server.paths.append(path)
        behaviour = self.server.behaviour
        if behaviour == "http2" or behaviour.startswith("answers:"):
            status = behaviour.partition(":")[2] or "200"
            headers = [(":status", status), ("content-type", "text/plain"), self._signature]
            connection.send_headers(stream_id, headers)
            connection.send_data(stream_id, b"a stand-in answers\n", end_stream=True)
            return
        headers = [(":status", "200"), ("content-type", "application/grpc"), self._signature]
        health = _STATUSES.get(behaviour) if path == HEALTH else None
        if health is None:
            headers.append(("grpc-status", _UNIMPLEMENTED))
            connection.send_headers(stream_id, headers, end_stream=True)
            return
        connection.send_headers(stream_id, headers)
        connection.send_data(stream_id, bytes((0, 0, 0, 0, len(health))) + health)
        connection.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)


def main() -> None:
    behaviour, address = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server = Http2Server(behaviour, address)
    print(f"{behaviour} stand-in listens at {address}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
