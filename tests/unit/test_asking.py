"""HTTP/2 and gRPC endpoints, asked by the probe functions and by the proof clients alike."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hpack import Encoder
from hypothesis import example, given
from hypothesis import strategies as st

from bivouac.aws import ecs_answers
from bivouac.proof import asking, edge_client, edge_http2
from bivouac.proof.asking import Protocol, Question
from bivouac.proof.edge_client import NO_CONNECTION, PROVEN, EdgeClient
from tests.unit.http2_servers import http2_server, port_of

SECONDS = 0.5
HTTP2_PROTOCOLS: tuple[Protocol, ...] = ("http2", "grpc")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands before these servers: test_tasks_envoy.py has one."""
    monkeypatch.setattr(asking, "ATTEMPT_SECONDS", SECONDS)
    monkeypatch.setattr(edge_client, "ATTEMPT_SECONDS", SECONDS)
    monkeypatch.setattr(ecs_answers, "came_through_proxy", lambda headers: True)


@dataclass(frozen=True)
class Seen:
    good: bool
    words: str


def probe(protocol: Protocol, port: int) -> Seen:
    answer = asking.ask(Question(protocol, "/", 200, 399), ("127.0.0.1", port))
    return Seen(answer.good, answer.observed)


def proof_client(protocol: Protocol, port: int) -> Seen:
    code, words = EdgeClient("127.0.0.1", str(port), protocol, "/", "200", "399").attempt()
    return Seen(code == PROVEN, words)


ASKING = pytest.mark.parametrize("ask", [probe, proof_client], ids=["probe", "proof client"])
Asking = Callable[[Protocol, int], Seen]


@ASKING
@pytest.mark.parametrize(
    ("protocol", "behaviour", "good", "words"),
    [
        ("http2", "http2", True, "HTTP/2 200"),
        ("http2", "answers:204", True, "HTTP/2 204"),
        ("http2", "answers:404", False, "HTTP/2 404"),
        ("http2", "answers:418", False, "HTTP/2 418"),
        ("grpc", "grpc", True, "SERVING"),
        ("grpc", "no-health", True, "speaks gRPC"),
        ("grpc", "not-serving", False, "NOT SERVING"),
        ("grpc", "http2", False, "not gRPC"),
    ],
)
def test_a_real_server_is_asked_in_its_protocol(
    ask: Asking, protocol: Protocol, behaviour: str, good: bool, words: str
) -> None:
    with http2_server(behaviour) as server:
        seen = ask(protocol, port_of(server))
    assert seen.good is good
    assert words in seen.words
    assert server.asked == ["/" if protocol == "http2" else "/grpc.health.v1.Health/Check"]


class Http1(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@ASKING
@pytest.mark.parametrize("protocol", HTTP2_PROTOCOLS)
def test_a_server_of_http_1_is_no_proof(ask: Asking, protocol: Protocol) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Http1) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            assert not ask(protocol, server.server_address[1]).good
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """Does this with each connection, as long as it lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        act(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


SETTINGS = edge_http2.frame(edge_http2.SETTINGS, 0, 0)


def says_nothing(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def closes(connection: socket.socket) -> None:
    connection.recv(65_536)


def drips(connection: socket.socket) -> None:
    connection.recv(65_536)
    for byte in SETTINGS * 1000:
        connection.sendall(bytes((byte,)))
        time.sleep(0.02)


def pings_for_ever(connection: socket.socket) -> None:
    connection.sendall(SETTINGS)
    while True:
        connection.sendall(edge_http2.frame(edge_http2.PING, 0, 0, bytes(8)))


def informs_for_ever(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(SETTINGS)
    block = Encoder().encode([(":status", "103"), ("link", "x" * 500)])
    while True:
        connection.sendall(edge_http2.frame(edge_http2.HEADERS, 4, 1, block))


def long_headers(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(SETTINGS)
    for _ in range(40):
        connection.sendall(edge_http2.frame(edge_http2.HEADERS, 0, 1, b"x" * 16_000))


def resets(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(SETTINGS + edge_http2.frame(edge_http2.RST_STREAM, 0, 1, bytes(4)))
    says_nothing(connection)


def goes_away(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(SETTINGS + edge_http2.frame(edge_http2.GOAWAY, 0, 0, bytes(8)))
    says_nothing(connection)


def greets(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" * 10)
    says_nothing(connection)


def answers_in_frames(*headers: tuple[str, str], flags: int = 4) -> bytes:
    return SETTINGS + edge_http2.frame(edge_http2.HEADERS, flags, 1, Encoder().encode(headers))


def has_no_such_status(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(answers_in_frames((":status", "two hundred"), flags=5))
    says_nothing(connection)


def pads_nothing(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(SETTINGS + edge_http2.frame(edge_http2.HEADERS, 4 | 8, 1))
    says_nothing(connection)


def informs_and_says_nothing(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(answers_in_frames((":status", "103")))
    says_nothing(connection)


@ASKING
@pytest.mark.parametrize("protocol", HTTP2_PROTOCOLS)
@pytest.mark.parametrize(
    "act",
    [
        has_no_such_status,
        pads_nothing,
        informs_and_says_nothing,
        says_nothing,
        closes,
        drips,
        pings_for_ever,
        informs_for_ever,
        long_headers,
        resets,
        goes_away,
        greets,
    ],
)
def test_a_port_that_only_stays_open_is_no_proof_and_ends_in_time(
    ask: Asking, protocol: Protocol, act: Callable[[socket.socket], None]
) -> None:
    with serving(act) as port:
        began = time.monotonic()
        seen = ask(protocol, port)
        took = time.monotonic() - began
    assert not seen.good
    assert len(seen.words) <= 200
    assert took < SECONDS + 1.0


# --- HTTP/1.1 ------------------------------------------------------------------------------------

SECRET = "s3cr3t-Value/9"


def drips_headers(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-a: b\r\n"[:1])
        time.sleep(0.01)


def drips_a_status(connection: socket.socket) -> None:
    connection.recv(65_536)
    while True:
        connection.sendall(b"H")
        time.sleep(0.01)


def continues_for_ever(connection: socket.socket) -> None:
    connection.recv(65_536)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def a_long_header(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nserver: " + b"x" * 100_000 + b"\r\n\r\n")


def many_headers(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 10_000 + b"\r\n")


def greets_with_a_secret(connection: socket.socket) -> None:
    connection.sendall(f"welcome, password={SECRET} {'x' * 5_000}\r\n".encode())
    says_nothing(connection)


@ASKING
@pytest.mark.parametrize(
    "act",
    [
        says_nothing,
        closes,
        drips,
        drips_a_status,
        drips_headers,
        continues_for_ever,
        a_long_header,
        many_headers,
        greets,
        greets_with_a_secret,
    ],
)
def test_no_server_holds_an_attempt_beyond_its_deadline_or_writes_what_it_wants(
    ask: Asking, act: Callable[[socket.socket], None]
) -> None:
    """Issue of a review: a server dripped its headers for 25 s, and 60 KB of one were kept."""
    with serving(act) as port:
        began = time.monotonic()
        seen = ask("http", port)
        took = time.monotonic() - began
    assert not seen.good
    assert len(seen.words) <= 200
    assert SECRET not in seen.words
    assert took < SECONDS + 1.0


def streams_its_body(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nserver: envoy\r\n\r\n")
    while True:
        connection.sendall(b": still here\n")
        time.sleep(0.01)


def says_nothing_after_its_headers(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nserver: envoy\r\ncontent-length: 10\r\n\r\n")
    says_nothing(connection)


def redirects(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nserver: envoy\r\nlocation: http://169.254.169.254/\r\n"
        b"content-length: 0\r\n\r\n"
    )
    assert connection.recv(65_536) == b"", "nothing more is asked"


@ASKING
@pytest.mark.parametrize(
    ("act", "status"),
    [(streams_its_body, 200), (says_nothing_after_its_headers, 200), (redirects, 302)],
)
def test_the_status_is_the_answer_whatever_becomes_of_the_body(
    ask: Asking, act: Callable[[socket.socket], None], status: int
) -> None:
    with serving(act) as port:
        began = time.monotonic()
        seen = ask("http", port)
        took = time.monotonic() - began
    assert seen.good
    assert f"HTTP {status}" in seen.words
    assert took < SECONDS + 1.0


def streams_over_http2(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(answers_in_frames((":status", "200"), ("server", "envoy")))
    while True:
        connection.sendall(edge_http2.frame(edge_http2.DATA, 0, 1, b": still here\n"))
        time.sleep(0.01)


def sends_half_a_frame_over_http2(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(answers_in_frames((":status", "200"), ("server", "envoy")))
    connection.sendall(edge_http2.frame(edge_http2.DATA, 0, 1, b": still here\n")[:-4])
    says_nothing(connection)


def redirects_over_http2(connection: socket.socket) -> None:
    connection.recv(65_536)
    where = ("location", "http://169.254.169.254/")
    connection.sendall(answers_in_frames((":status", "302"), ("server", "envoy"), where, flags=5))
    says_nothing(connection)


@ASKING
@pytest.mark.parametrize(
    ("act", "status"),
    [
        (streams_over_http2, 200),
        (sends_half_a_frame_over_http2, 200),
        (redirects_over_http2, 302),
    ],
)
def test_the_status_over_http2_is_the_answer_whatever_becomes_of_the_body(
    ask: Asking, act: Callable[[socket.socket], None], status: int
) -> None:
    with serving(act) as port:
        began = time.monotonic()
        seen = ask("http2", port)
        took = time.monotonic() - began
    assert seen.good
    assert f"HTTP/2 {status}" in seen.words
    assert took < SECONDS + 1.0


def test_a_secret_in_a_header_over_http2_is_not_shown() -> None:
    def act(connection: socket.socket) -> None:
        connection.recv(65_536)
        server = ("server", f"envoy token={SECRET}{'x' * 300}")
        connection.sendall(answers_in_frames((":status", "500"), server, flags=5))
        says_nothing(connection)

    with serving(act) as port:
        seen = probe("http2", port)
    assert "HTTP/2 500" in seen.words
    assert SECRET not in seen.words
    assert len(seen.words) <= 200


def test_a_secret_in_a_header_is_not_shown() -> None:
    def act(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(
            f"HTTP/1.1 500 No\r\nserver: envoy token={SECRET}\r\ncontent-length: 0\r\n\r\n".encode()
        )

    with serving(act) as port:
        assert SECRET not in probe("http", port).words


@given(st.binary(max_size=300))
@example(b"\xff" * 20)
def test_headers_of_any_bytes_are_read_or_refused(block: bytes) -> None:
    try:
        edge_http2.decoded(block)
    except edge_http2.NoHttp2Error:
        return


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x-a", "grpc-status", "content-type"]), st.text("az09-/", min_size=1)
        )
    ),
    st.booleans(),
    st.sampled_from(["200", "404", "503", "418"]),
)
def test_headers_are_read_as_hpack_writes_them(
    more: list[tuple[str, str]], huffman: bool, status: str
) -> None:
    """Another implementation of RFC 7541 wrote them, without a dynamic table, as asked."""
    encoder = Encoder()
    encoder.header_table_size = 0
    headers = [(":status", status), *more]
    block = encoder.encode(headers, huffman=huffman)
    assert edge_http2.decoded(block) == dict(headers)


def test_a_proxys_refusal_of_grpc_is_no_answer_of_the_application() -> None:
    """Envoy answers a gRPC request in gRPC: UNAVAILABLE."""

    def unavailable(connection: socket.socket) -> None:
        connection.recv(65_536)
        block = Encoder().encode(
            [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "14")]
        )
        connection.sendall(SETTINGS + edge_http2.frame(edge_http2.HEADERS, 5, 1, block))
        says_nothing(connection)

    with serving(unavailable) as port:
        assert "nothing answers gRPC" in probe("grpc", port).words
        assert EdgeClient("127.0.0.1", str(port), "grpc", "/", "0", "0").attempt() == (
            NO_CONNECTION,
            "gRPC UNAVAILABLE: nothing answers gRPC behind the proxy",
        )
