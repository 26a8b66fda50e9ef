"""Servers that run in a thread of their own until their block ends."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

ANY_PORT = ("127.0.0.1", 0)

S = TypeVar("S", bound=socketserver.TCPServer)


@contextmanager
def running(server: S) -> Iterator[S]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def port_of(server: socketserver.TCPServer) -> int:
    return int(server.socket.getsockname()[1])


class _Connections(socketserver.TCPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client may leave at any time; everything else is a mistake of the test."""
        if not isinstance(sys.exc_info()[1], OSError):
            raise


@contextmanager
def serving(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that does this with each connection, one after the other, and closes
    it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            act(self.request)

    with running(_Connections(ANY_PORT, Handler)) as server:
        yield port_of(server)


def unused_port() -> int:
    with socket.create_server(ANY_PORT) as listener:
        return int(listener.getsockname()[1])
