"""One HTTP/2 request with prior knowledge, in as much of RFC 9113 and RFC 7541 as that needs.

Part of the program that proof clients run with nothing but Python's standard library. It allows the
server no dynamic header table, so that headers need no state.
"""

from __future__ import annotations

import re
import socket
import struct
import time
from typing import Any

from bivouac.proof.edge_rules import ATTEMPT_SECONDS, NO_ANSWER, NO_CONNECTION, NOT_YET, PROVEN

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
NO_HEADER_TABLE = struct.pack(">HI", 1, 0)
READ_MOST = 65_536
STATUSES = ("200", "204", "206", "304", "400", "404", "500")
STATIC = {31: "content-type", 54: "server"}
STATIC.update(dict.fromkeys(range(8, 15), ":status"))
HUFFMAN = {
    5: "012aceiost",
    6: " %-./3456789=A_bdfghlmnpru",
    7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: "&*,;XZ",
    10: '!"()?',
    11: "'+|",
    12: "#>",
    13: "\0$@[]~",
    14: "^}",
    15: "<`{",
}


GRPC_TYPE = "application/grpc"
HEALTH = "/grpc.health.v1.Health/Check"


class NoHttp2Error(ConnectionError):
    pass


def ask_http2(client: Any) -> tuple[int, str]:
    headers, body = ask(client, "GET", client.path)
    answer: tuple[int, str] = client.judged("HTTP/2", int(headers[":status"]), headers, body)
    return answer


def ask_grpc(client: Any) -> tuple[int, str]:
    """The health service, or that the server speaks gRPC."""
    more = (("content-type", GRPC_TYPE), ("te", "trailers"))
    headers, body = ask(client, "POST", HEALTH, more, b"\0\0\0\0\0")
    status, code = headers[":status"], headers.get("grpc-status", "")
    if not code or not headers.get("content-type", "").startswith(GRPC_TYPE):
        client.meant = int(status) not in NOT_YET
        return NO_ANSWER, f"HTTP/2 {status} that is not gRPC"
    if code == "14":
        if re.match("upstream connect error.*protocol error", headers.get("grpc-message", "")):
            client.meant = True
            return NO_ANSWER, "gRPC UNAVAILABLE: another protocol is spoken behind the proxy"
        # The client's proxy says it, too; it adds the header to what it passes on.
        passed = "x-envoy-upstream-service-time" in headers
        said = "gRPC UNAVAILABLE: nothing answers gRPC behind the proxy"
        return NO_ANSWER if passed else NO_CONNECTION, said
    if code != "0":
        return PROVEN, f"speaks gRPC (grpc-status {code[:3]})"
    return (PROVEN, "SERVING") if body[5:] == b"\x08\x01" else (NO_ANSWER, "NOT SERVING")


ASKING = {"http2": ask_http2, "grpc": ask_grpc}


def ask(
    client: Any, method: str, path: str, more: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> tuple[dict[str, str], bytes]:
    authority = "{}:{}".format(*client.address)
    headers = [(":method", method), (":path", path), (":scheme", "http")]
    headers += [(":authority", authority), ("user-agent", "bivouac-proof"), *more]
    answer = call(client.address, headers, body, ATTEMPT_SECONDS)
    if not is_status(answer[0].get(":status", "")):
        raise NoHttp2Error("no HTTP/2 answer")
    return answer


def is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()


def call(
    address: tuple[str, int], headers: list[tuple[str, str]], body: bytes, seconds: float
) -> tuple[dict[str, str], bytes]:
    """The headers and trailers of the answer, and its body; at most `seconds` long."""
    end = time.monotonic() + seconds
    with socket.create_connection(address, seconds) as stream:
        request = b"".join(b"\x10" + text(name) + text(value) for name, value in headers)
        last = 0 if body else END_STREAM
        stream.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(SETTINGS, 0, 0, NO_HEADER_TABLE)
            + frame(HEADERS, END_HEADERS | last, 1, request)
            + (frame(DATA, END_STREAM, 1, body) if body else b"")
        )
        return reply(stream, end)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    head = struct.pack(">I", len(payload))[1:] + bytes((kind, flags))
    return head + struct.pack(">I", stream_id) + payload


def text(content: str) -> bytes:
    data = content.encode()
    size, length = len(data), b""
    if size < 127:
        return bytes((size,)) + data
    size -= 127
    while size > 127:
        length += bytes((size % 128 + 128,))
        size //= 128
    return b"\x7f" + length + bytes((size,)) + data


def reply(stream: socket.socket, end: float) -> tuple[dict[str, str], bytes]:
    told: dict[str, str] = {}
    body, block, total, ends = b"", b"", 0, False
    while total < READ_MOST:
        try:
            head = exactly(stream, 9, end)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            mine = int.from_bytes(head[5:], "big") & 0x7FFFFFFF == 1
            total += 9 + size
            if total > READ_MOST:
                break
            payload = exactly(stream, size, end)
        except socket.timeout:  # noqa: UP041  Python 3.9
            if told:
                break  # what it streams needs no end
            raise
        if kind in (SETTINGS, PING) and not flags & ACK:
            stream.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == GOAWAY or (kind == RST_STREAM and mine):
            if told:
                break
            raise NoHttp2Error("ended without an answer")
        elif kind in (HEADERS, DATA) and mine:
            if flags & PADDED and payload:
                payload = payload[1 : len(payload) - payload[0]]
            if kind == DATA:
                body += payload
            else:
                block = payload[5 if flags & PRIORITY else 0 :]
            ends = bool(flags & END_STREAM)
        elif kind == CONTINUATION and mine:
            block += payload
        if kind in (HEADERS, CONTINUATION) and mine and flags & END_HEADERS:
            found = decoded(block)
            status = found.get(":status", "")
            if not is_status(status) or int(status) >= 200:
                told.update(found)
        if ends and (kind == DATA or flags & END_HEADERS):
            break
    return told, body


def exactly(stream: socket.socket, size: int, end: float) -> bytes:
    data = b""
    while len(data) < size:
        left = end - time.monotonic()
        if left <= 0:
            raise socket.timeout  # noqa: UP041
        stream.settimeout(left)
        part = stream.recv(size - len(data))
        if not part:
            raise NoHttp2Error("closed without an answer")
        data += part
    return data


def decoded(block: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = integer(block, at, 7)
                if 8 <= index < 15:
                    found[":status"] = STATUSES[index - 8]
            elif first & 0xE0 == 0x20:
                _, at = integer(block, at, 5)
            else:
                index, at = integer(block, at, 6 if first & 0x40 else 4)
                name, at = string(block, at) if index == 0 else (STATIC.get(index, ""), at)
                value, at = string(block, at)
                found[name] = value
    except (IndexError, KeyError) as error:
        raise NoHttp2Error("sends headers that are none") from error
    return found


def integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    value, shift = block[at] & most, 0
    while value >= most and at < len(block):
        at += 1
        value += (block[at] & 127) << shift
        shift += 7
        if block[at] < 128 or shift > 28:
            break
    return value, at + 1


def string(block: bytes, at: int) -> tuple[str, int]:
    short = block[at] & 0x80
    size, at = integer(block, at, 7)
    data = block[at : at + size]
    return unpacked(data) if short else data.decode("latin-1"), at + size


def unpacked(data: bytes) -> str:
    """Of the canonical Huffman code of RFC 7541, whose longer codes no header here needs."""
    codes: dict[tuple[int, int], str] = {}
    code = 0
    for length in range(5, 16):
        for symbol in HUFFMAN.get(length, ""):
            codes[length, code] = symbol
            code += 1
        code *= 2
    result, length, code = "", 0, 0
    for byte in data:
        for bit in range(7, -1, -1):
            length, code = length + 1, code * 2 + (byte >> bit & 1)
            if (length, code) in codes:
                result += codes[length, code]
                length, code = 0, 0
    return result
