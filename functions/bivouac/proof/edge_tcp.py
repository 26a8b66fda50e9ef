"""Whether TCP connections through the caller's own proxy stay open.

Part of the program that proof clients run with nothing but Python's standard library. That proxy
accepts every connection, so an accepted one proves nothing yet (edge_rules.py).
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import Any

from bivouac.proof.edge_rules import (
    AT_ONCE_SECONDS,
    ATTEMPT_SECONDS,
    NO_ANSWER,
    NO_CONNECTION,
    PROVEN,
    PROXIED_OPEN_SECONDS,
)


def ask_tcp(client: Any) -> tuple[int, str]:
    """What became of one connection. As many as the row needs are open at the same time, because
    each takes seconds."""
    if not client.connections:
        client.connections = connected(client.address, client.row.needed - client.row.right)
    outcome: tuple[int, str] = client.connections.pop()
    return outcome


def connected(address: tuple[str, int], count: int) -> list[tuple[int, str]]:
    """Those that fail come first, and so are reported last."""
    ended = []
    with contextlib.ExitStack() as opened:
        streams = [
            opened.enter_context(socket.create_connection(address, ATTEMPT_SECONDS))
            for _ in range(count)
        ]
        began = time.monotonic()
        while streams and (left := began + PROXIED_OPEN_SECONDS - time.monotonic()) > 0:
            for stream in select.select(streams, [], [], left)[0]:
                streams.remove(stream)
                ended.append(heard(stream, time.monotonic() - began))
    return sorted(ended, reverse=True) + [(PROVEN, "stays open")] * len(streams)


def heard(stream: socket.socket, seconds: float) -> tuple[int, str]:
    try:
        if stream.recv(1):
            return PROVEN, "answers"
    except ConnectionError:
        pass
    if seconds < AT_ONCE_SECONDS:
        return NO_ANSWER, "closed at once"
    return NO_CONNECTION, f"closed after {seconds:.0f} s"
