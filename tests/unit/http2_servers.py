"""Real HTTP/2 and gRPC servers behind nothing but the headers that a proxy would add."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from localcloud.images.http2_server import Http2Server


@contextmanager
def http2_server(behaviour: str) -> Iterator[Http2Server]:
    with Http2Server(behaviour, "tcp:127.0.0.1:0") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def port_of(server: Http2Server) -> int:
    return int(server.server_address[1])
