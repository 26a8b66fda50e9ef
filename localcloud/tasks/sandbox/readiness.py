"""Waits until the proxy's admin socket says that it is ready."""

from __future__ import annotations

import contextlib
import socket

from .loop import Callback, Loop

_PACE = 0.01


class ReadyProbe:
    """Repeats GET /ready on a Unix socket until the answer is 200; then calls `on_ready`."""

    def __init__(self, loop: Loop, path: str, on_ready: Callback) -> None:
        self._loop = loop
        self._path = path
        self._on_ready = on_ready
        self._try()

    def _try(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self._path)
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: admin\r\n\r\n")
        except OSError:
            connection.close()
            self._loop.call_later(_PACE, self._try)
            return
        self._loop.watch(connection.fileno(), read=lambda: self._answered(connection))

    def _answered(self, connection: socket.socket) -> None:
        answer = b""
        with contextlib.suppress(OSError):
            answer = connection.recv(4096)
        self._loop.watch(connection.fileno())
        connection.close()
        if b" 200 " in answer.split(b"\r\n", 1)[0]:
            self._on_ready()
        else:
            self._loop.call_later(_PACE, self._try)
