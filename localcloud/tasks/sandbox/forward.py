"""Forwards connections from one socket address to another, byte for byte.

With namespaces this is how a task's own address is reached from outside (Unix socket -> port of the
task); without them it is how programs that only know TCP reach the task's proxy.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from functools import partial

from .loop import Loop

_CHUNK = 65536


class Forwarder:
    """Joins each connection to `listener` with a new one to `to` ("unix:..." or "tcp:...").

    If `to` refuses, the caller's connection is closed, just as at a task's address whose process is
    gone.
    """

    def __init__(self, loop: Loop, listener: socket.socket, to: str) -> None:
        self._loop = loop
        self._listener = listener
        self._to = to
        listener.setblocking(False)
        loop.watch(listener.fileno(), read=self._accept)

    def _accept(self) -> None:
        try:
            caller, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        family, address = parse_address(self._to)
        target = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Both ends are on this machine: a connection is made or refused at once.
            target.connect(address)
        except OSError:
            target.close()
            caller.close()
            return
        _Joined(self._loop, caller, target)


def listen_at(address: str) -> socket.socket:
    """A listening socket at "unix:<path>" or "tcp:<host>:<port>"; "fd:<n>" listens already."""
    if address.startswith("fd:"):
        return socket.socket(fileno=int(address.removeprefix("fd:")))
    family, where = parse_address(address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(where)
    listener.listen(128)
    return listener


def parse_address(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    """Converts "unix:<path>" or "tcp:<host>:<port>" for the socket module."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    return socket.AF_INET, (host, int(port))


@dataclass
class _Direction:
    source: socket.socket
    sink: socket.socket
    pending: bytearray = field(default_factory=bytearray)
    ended: bool = False

    @property
    def wants_more(self) -> bool:
        return not self.pending and not self.ended

    @property
    def done(self) -> bool:
        return self.ended and not self.pending


class _Joined:
    """Two connected sockets; each gets what the other sends, no faster than it reads."""

    def __init__(self, loop: Loop, one: socket.socket, other: socket.socket) -> None:
        self._loop = loop
        self._there = _Direction(one, other)
        self._back = _Direction(other, one)
        for each in (one, other):
            each.setblocking(False)
        self._watch()

    def _watch(self) -> None:
        for outgoing, incoming in ((self._there, self._back), (self._back, self._there)):
            self._loop.watch(
                outgoing.source.fileno(),
                read=partial(self._receive, outgoing) if outgoing.wants_more else None,
                write=partial(self._send, incoming) if incoming.pending else None,
            )

    def _receive(self, direction: _Direction) -> None:
        try:
            data = direction.source.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._close()
            return
        direction.ended = not data
        direction.pending += data
        self._send(direction)

    def _send(self, direction: _Direction) -> None:
        try:
            if direction.pending:
                sent = direction.sink.send(direction.pending)
                del direction.pending[:sent]
            if direction.done:
                direction.sink.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._close()
            return
        if self._there.done and self._back.done:
            self._close()
        else:
            self._watch()

    def _close(self) -> None:
        for each in (self._there.source, self._back.source):
            self._loop.watch(each.fileno())
            each.close()
