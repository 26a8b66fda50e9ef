"""One HTTP/2 request in cleartext with prior knowledge, as Service Connect's proxies speak it.

The protocol itself is h2's (docs/decisions/0029-http2-with-h2.md). Whatever the server does, the
call ends within its seconds and keeps a bounded part of the answer.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from bivouac.proof.edge_http import NoAnswerError
from bivouac.proof.edge_http2 import NoHttp2Error, is_status

READ_LIMIT = 65_536
"""Bytes that are read of a connection."""
_CHUNK = 16_384

Headers = Sequence[tuple[str, str]]


@dataclass
class Reply:
    headers: dict[str, str] = field(default_factory=dict)
    """Of the response and of its trailers, in lower case."""
    body: bytes = b""

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


def call(
    address: tuple[str, int], asked: tuple[str, str], more: Headers, body: bytes, seconds: float
) -> Reply:
    """`asked`: method and path; `more`: headers, in lower case.

    Raises TimeoutError if the connection was not accepted, NoAnswerError if no answer comes in
    time, NoHttp2Error if it is none, or another OSError."""
    (method, path), authority = asked, "{}:{}".format(*address)
    pseudo = ((":method", method), (":path", path), (":scheme", "http"), (":authority", authority))
    end = time.monotonic() + seconds
    with socket.create_connection(address, timeout=seconds) as stream:
        try:
            reply = _exchange(stream, (*pseudo, *more), body, end)
        except TimeoutError as error:
            raise NoAnswerError from error
        except (ProtocolError, UnicodeError) as error:
            raise NoHttp2Error("no HTTP/2 answer") from error
    if not is_status(reply.headers.get(":status", "")):
        raise NoHttp2Error("no HTTP/2 answer")
    return reply


def _exchange(stream: socket.socket, headers: Headers, body: bytes, end: float) -> Reply:
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    connection.send_headers(1, list(headers), end_stream=not body)
    if body:
        connection.send_data(1, body, end_stream=True)
    stream.sendall(connection.data_to_send())
    reply, read = Reply(), 0
    while read < READ_LIMIT:
        try:
            received = _received(stream, end)
        except TimeoutError:
            if reply.headers:
                return reply  # what it streams needs no end
            raise
        if not received:
            raise NoHttp2Error("closed without an HTTP/2 answer")
        read += len(received)
        for event in connection.receive_data(received):
            if _ends(event, reply):
                return reply
        stream.sendall(connection.data_to_send())
    return reply


def _received(stream: socket.socket, end: float) -> bytes:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    stream.settimeout(left)
    return stream.recv(_CHUNK)


def _ends(event: Event, reply: Reply) -> bool:
    """Takes over what the event says; whether it is the last one of the reply."""
    match event:
        case ResponseReceived() | TrailersReceived():
            reply.headers |= {str(name): str(value) for name, value in event.headers or ()}
        case DataReceived():
            reply.body += event.data or b""
        case StreamEnded():
            return True
        case StreamReset() | ConnectionTerminated():
            if not reply.headers:
                raise NoHttp2Error(f"ended without an answer, error code {event.error_code}")
            return True
    return False
