"""HTTP/2 and gRPC endpoints, asked by the probe functions and by the proof clients alike."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hpack import Encoder
from hypothesis import example, given
from hypothesis import strategies as st

from bivouac.aws import ecs_answers
from bivouac.proof import asking, edge_client, edge_http2
from bivouac.proof.asking import Protocol, Question
from bivouac.proof.edge_client import EdgeClient
from bivouac.proof.edge_rules import NO_ANSWER, NO_CONNECTION, PROVEN
from bivouac.proof.fault import Fault
from localcloud.images.http2_server import Http2Server
from tests.servers import ANY_PORT, port_of, running, serving

SECONDS = 0.5
HTTP2_PROTOCOLS: tuple[Protocol, ...] = ("http2", "grpc")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands before these servers: test_tasks_envoy.py has one."""
    monkeypatch.setattr(asking, "ATTEMPT_SECONDS", SECONDS)
    monkeypatch.setattr(edge_client, "ATTEMPT_SECONDS", SECONDS)
    monkeypatch.setattr(edge_http2, "ATTEMPT_SECONDS", SECONDS)
    monkeypatch.setattr(ecs_answers, "came_through_proxy", lambda headers: True)


@dataclass(frozen=True)
class Result:
    good: bool
    words: str


def probe(protocol: Protocol, port: int) -> Result:
    answer = asking.ask(Question(protocol, "/", 200, 399), ("127.0.0.1", port))
    return Result(answer.good, answer.observed)


def proof_client(protocol: Protocol, port: int) -> Result:
    code, words = EdgeClient("127.0.0.1", str(port), protocol, "/", "200", "399").attempt()
    return Result(code == PROVEN, words)


ASKING = pytest.mark.parametrize("ask", [probe, proof_client], ids=["probe", "proof client"])
Asking = Callable[[Protocol, int], Result]


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
    with running(Http2Server(behaviour, "tcp:127.0.0.1:0")) as server:
        result = ask(protocol, port_of(server))
    assert result.good is good
    assert words in result.words
    assert server.paths == ["/" if protocol == "http2" else "/grpc.health.v1.Health/Check"]


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
    with running(ThreadingHTTPServer(ANY_PORT, Http1)) as server:
        assert not ask(protocol, port_of(server)).good


Act = Callable[[socket.socket], None]
"""What a server does with a connection."""
SETTINGS = edge_http2.frame(edge_http2.SETTINGS, 0, 0)


def says_nothing(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def closes(connection: socket.socket) -> None:
    connection.recv(65_536)


def greets(greeting: bytes) -> Act:
    """Before it has read anything."""

    def act(connection: socket.socket) -> None:
        connection.sendall(greeting)
        says_nothing(connection)

    return act


def answers(answer: bytes, *, stays_open: bool = True) -> Act:
    """And then nothing more."""

    def act(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        if stays_open:
            says_nothing(connection)

    return act


def repeats(part: bytes, first: bytes = b"", pause: float = 0.01) -> Act:
    """Without an end."""

    def act(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(first)
        while True:
            connection.sendall(part)
            time.sleep(pause)

    return act


def drips(connection: socket.socket) -> None:
    connection.recv(65_536)
    for byte in SETTINGS * 1000:
        connection.sendall(bytes((byte,)))
        time.sleep(0.02)


def long_headers(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(SETTINGS)
    for _ in range(40):
        connection.sendall(edge_http2.frame(edge_http2.HEADERS, 0, 1, b"x" * 16_000))


def over_http2(*headers: tuple[str, str], flags: int = 4) -> bytes:
    """Headers of an answer."""
    return SETTINGS + edge_http2.frame(edge_http2.HEADERS, flags, 1, Encoder().encode(headers))


def result_in_time(ask: Asking, protocol: Protocol, act: Act) -> Result:
    """What it saw of such a server, within the time that an attempt has."""
    with serving(act) as port:
        began = time.monotonic()
        result = ask(protocol, port)
        took = time.monotonic() - began
    assert took < SECONDS + 1.0
    assert len(result.words) <= 200
    return result


INFORMS = edge_http2.frame(
    edge_http2.HEADERS, 4, 1, Encoder().encode([(":status", "103"), ("link", "x" * 500)])
)
NO_PROOF_OF_HTTP2: dict[str, Act] = {
    "an impossible status": answers(over_http2((":status", "two hundred"), flags=5)),
    "padding of nothing": answers(SETTINGS + edge_http2.frame(edge_http2.HEADERS, 4 | 8, 1)),
    "informs and says nothing": answers(over_http2((":status", "103"))),
    "says nothing": says_nothing,
    "closes": closes,
    "drips": drips,
    "pings for ever": repeats(
        edge_http2.frame(edge_http2.PING, 0, 0, bytes(8)), first=SETTINGS, pause=0
    ),
    "informs for ever": repeats(INFORMS, first=SETTINGS, pause=0),
    "long headers": long_headers,
    "resets": answers(SETTINGS + edge_http2.frame(edge_http2.RST_STREAM, 0, 1, bytes(4))),
    "goes away": answers(SETTINGS + edge_http2.frame(edge_http2.GOAWAY, 0, 0, bytes(8))),
    "greets": greets(b"SSH-2.0-OpenSSH_9.9\r\n" * 10),
}


@ASKING
@pytest.mark.parametrize("protocol", HTTP2_PROTOCOLS)
@pytest.mark.parametrize("name", NO_PROOF_OF_HTTP2)
def test_a_port_that_only_stays_open_is_no_proof_and_ends_in_time(
    ask: Asking, protocol: Protocol, name: str
) -> None:
    result = result_in_time(ask, protocol, NO_PROOF_OF_HTTP2[name])
    assert not result.good
    assert "nohttp2error" not in result.words.lower()


# --- HTTP/1.1 ------------------------------------------------------------------------------------

SECRET = "s3cr3t-Value/9"
OK = b"HTTP/1.1 200 OK\r\n"
NO_PROOF_OF_HTTP: dict[str, Act] = {
    "says nothing": says_nothing,
    "closes": closes,
    "drips": drips,
    "drips a status": repeats(b"H"),
    "drips headers": repeats(b"x", first=OK),
    "continues for ever": repeats(b"HTTP/1.1 100 Continue\r\n\r\n", pause=0),
    "a long header": answers(OK + b"server: " + b"x" * 100_000 + b"\r\n\r\n", stays_open=False),
    "many headers": answers(OK + b"x-a: b\r\n" * 10_000 + b"\r\n", stays_open=False),
    "greets": greets(b"SSH-2.0-OpenSSH_9.9\r\n" * 10),
    "greets with a secret": greets(f"welcome, password={SECRET} {'x' * 5_000}\r\n".encode()),
}


@ASKING
@pytest.mark.parametrize("name", NO_PROOF_OF_HTTP)
def test_no_server_holds_an_attempt_beyond_its_deadline_or_writes_what_it_wants(
    ask: Asking, name: str
) -> None:
    """A server has dripped its headers for 25 s, and 60 KB of one were kept."""
    result = result_in_time(ask, "http", NO_PROOF_OF_HTTP[name])
    assert not result.good
    assert SECRET not in result.words


def redirects(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nserver: envoy\r\nlocation: http://169.254.169.254/\r\n"
        b"content-length: 0\r\n\r\n"
    )
    assert connection.recv(65_536) == b"", "nothing more is asked"


ENVOY = ("server", "envoy")
GOOD = over_http2((":status", "200"), ENVOY)
BODY = b": still here\n"
ELSEWHERE = ("location", "http://169.254.169.254/")
BODIES: dict[str, tuple[Protocol, Act, str]] = {
    "streams its body": ("http", repeats(BODY, first=OK + b"server: envoy\r\n\r\n"), "HTTP 200"),
    "says nothing after its headers": (
        "http",
        answers(OK + b"server: envoy\r\ncontent-length: 10\r\n\r\n"),
        "HTTP 200",
    ),
    "redirects": ("http", redirects, "HTTP 302"),
    "streams over HTTP/2": (
        "http2",
        repeats(edge_http2.frame(edge_http2.DATA, 0, 1, BODY), first=GOOD),
        "HTTP/2 200",
    ),
    "half a frame over HTTP/2": (
        "http2",
        answers(GOOD + edge_http2.frame(edge_http2.DATA, 0, 1, BODY)[:-4]),
        "HTTP/2 200",
    ),
    "redirects over HTTP/2": (
        "http2",
        answers(over_http2((":status", "302"), ENVOY, ELSEWHERE, flags=5)),
        "HTTP/2 302",
    ),
}


@ASKING
@pytest.mark.parametrize("name", BODIES)
def test_the_status_is_the_answer_whatever_becomes_of_the_body(ask: Asking, name: str) -> None:
    protocol, act, status = BODIES[name]
    result = result_in_time(ask, protocol, act)
    assert result.good
    assert status in result.words


@pytest.mark.parametrize(
    ("protocol", "answer", "status"),
    [
        (
            "http2",
            over_http2((":status", "500"), ("server", f"envoy token={SECRET}{'x' * 300}"), flags=5),
            "HTTP/2 500",
        ),
        (
            "http",
            f"HTTP/1.1 500 No\r\nserver: envoy token={SECRET}\r\n"
            "content-length: 0\r\n\r\n".encode(),
            "HTTP 500",
        ),
    ],
    ids=["http2", "http"],
)
def test_a_secret_in_a_header_is_not_shown(protocol: Protocol, answer: bytes, status: str) -> None:
    result = result_in_time(probe, protocol, answers(answer))
    assert status in result.words
    assert SECRET not in result.words


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


OF_SERVERS_PROXY = ("x-envoy-upstream-service-time", "1")
"""The client's proxy adds it to what it passes on."""
RESET = "upstream connect error or disconnect/reset before headers. reset reason: "


def unavailable(reason: str, *more: tuple[str, str]) -> bytes:
    """Envoy answers a gRPC request in gRPC, with headers alone."""
    of_grpc = (("content-type", "application/grpc"), ("grpc-status", "14"))
    told = ("grpc-message", RESET + reason)
    return over_http2((":status", "200"), *of_grpc, told, *more, flags=5)


@pytest.mark.parametrize(("more", "code"), [((), NO_CONNECTION), ((OF_SERVERS_PROXY,), NO_ANSWER)])
def test_a_proxys_refusal_of_grpc_is_no_answer_of_the_application(
    more: tuple[tuple[str, str], ...], code: int
) -> None:
    """It may still be starting."""
    with serving(answers(unavailable("remote connection failure", *more))) as port:
        assert "nothing answers gRPC" in probe("grpc", port).words
        client = EdgeClient("127.0.0.1", str(port), "grpc", "/", "0", "0")
        assert client.attempt() == (code, "gRPC UNAVAILABLE: nothing answers gRPC behind the proxy")
        assert not client.meant


def of_http(status: str, body: str = "") -> bytes:
    """Through both proxies."""
    data = edge_http2.frame(edge_http2.DATA, 1, 1, body.encode())
    return over_http2((":status", status), OF_SERVERS_PROXY) + data


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("grpc", unavailable("protocol error", OF_SERVERS_PROXY)),
        ("grpc", of_http("200")),
        ("http2", of_http("502", f"{RESET}protocol error")),
    ],
    ids=["HTTP behind gRPC", "HTTP/2 behind gRPC", "HTTP behind HTTP/2"],
)
def test_an_application_that_speaks_another_protocol_has_started_and_means_it(
    protocol: Protocol, answer: bytes
) -> None:
    """So it is told like a wrong status, and not at the deadline only."""
    with serving(answers(answer)) as port:
        probed = asking.ask(Question(protocol, "/", 200, 399), ("127.0.0.1", port))
        client = EdgeClient("127.0.0.1", str(port), protocol, "/", "200", "399")
        code, said = client.attempt()
    assert (probed.good, probed.fault, probed.by_application) == (False, Fault.NO_ANSWER, True)
    assert (code, client.meant) == (NO_ANSWER, True)
    for words in (probed.observed, said):
        assert "is spoken behind" in words or "that is not gRPC" in words
