"""One HTTP/1.1 request with one deadline, whatever the server does.

Of the probes, and of the program that proof clients run with nothing but Python's standard library.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

READ_LIMIT = 65_536


class NoAnswerError(socket.timeout):
    pass


class UntilDeadline(socket.SocketIO):
    """Reads a socket until a moment: a time-out of its own begins anew with each byte."""

    def __init__(self, stream: socket.socket, end: float) -> None:
        super().__init__(stream, "r")
        self.stream, self.end = stream, end

    def readinto(self, buffer: Any) -> Any:
        left = self.end - time.monotonic()
        if left <= 0:
            raise socket.timeout  # noqa: UP041
        self.stream.settimeout(left)
        return super().readinto(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks of a socket."""
        return io.BufferedReader(self)


def get(address: tuple[str, int], path: str, agent: str, seconds: float) -> tuple[int, Any, bytes]:
    """The status, the headers and the beginning of the body, which may have no end.

    Raises NoAnswerError if none comes in time; socket.timeout if it cannot connect in time; another
    OSError; http.client.HTTPException if what comes is no HTTP. Follows no redirect."""
    end = time.monotonic() + seconds
    connection = http.client.HTTPConnection(*address, timeout=seconds)
    connection.connect()
    try:
        connection.request("GET", path, headers={"User-Agent": agent})
        until = UntilDeadline(connection.sock, end)
        answer = http.client.HTTPResponse(until)  # type: ignore[arg-type]
        answer.begin()
        try:
            body = answer.read1(READ_LIMIT)
        except (socket.timeout, http.client.HTTPException):  # noqa: UP041  Python 3.9
            body = b""
        return answer.status, answer.headers, body
    except socket.timeout:  # noqa: UP041
        raise NoAnswerError from None
    finally:
        connection.close()
