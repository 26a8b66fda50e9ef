"""Plays an image that the catalogue does not know: answers at its ports as their protocols say.

stand_in.py <image> <protocol>@<address> ...

Protocols: http, http2, grpc, tcp. Addresses: tcp:<host>:<port> or unix:<path>. Without any port it
only runs until it is told to stop.
"""

from __future__ import annotations

import signal
import socketserver
import sys
import threading

from localcloud.images import web_server


class _TcpServer(web_server.Server):
    """Keeps each connection open and repeats what it is sent."""

    def __init__(self, address: str) -> None:
        super().__init__(address, _Echo)


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while received := self.request.recv(65_536):
            self.request.sendall(received)


def server_of(image: str, protocol: str, address: str) -> socketserver.BaseServer:
    if protocol == "http":
        behaviour = web_server.behaviour_of(f"shows:a stand-in plays {image}")
        return web_server.Server(address, web_server.handler_of(behaviour))
    if protocol == "tcp":
        return _TcpServer(address)
    # h2 is imported only here: other stand-ins start faster.
    from localcloud.images.http2_server import Http2Server

    return Http2Server(protocol, address)


def main() -> None:
    image, *endpoints = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    for endpoint in endpoints:
        protocol, _, address = endpoint.partition("@")
        server = server_of(image, protocol, address)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"a stand-in plays {image}: {protocol} at {address}", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
