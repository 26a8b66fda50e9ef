"""The program in a proof client's containers: what it calls, reads, prints and exits with."""

from __future__ import annotations

import ast
import json
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bivouac.environment.blueprint import Edge
from bivouac.proof import (
    edge_client,
    edge_command,
    edge_http,
    edge_http2,
    edge_rules,
    edge_tcp,
    mesh,
)
from bivouac.proof.edge_client import EdgeClient
from bivouac.proof.edge_rules import NO_ANSWER, NO_CONNECTION, NO_NAME, PROVEN, WRONG_STATUS
from localcloud.images.http2_server import Http2Server
from tests.servers import port_of, running

FROM_APPLICATION = b"x-envoy-upstream-service-time: 1\r\n"
PATIENCE = 10.0
FUTURE = "from __future__ import annotations"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_client, "ATTEMPT_SECONDS", 0.3)
    monkeypatch.setattr(edge_client, "NAME_SECONDS", 0.0)
    monkeypatch.setattr(edge_tcp, "PROXIED_OPEN_SECONDS", 0.05)
    monkeypatch.setattr(random, "uniform", lambda shortest, longest: 0.001)


def http(status: int, headers: bytes = FROM_APPLICATION, body: bytes = b"private") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d Said\r\n%s%s\r\n%s" % (status, headers, length, body)


CLOSES = b""
STAYS_OPEN = None


class Server:
    """Gives each connection the next answer, and repeats the last one; records the requests."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.held: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if answer is STAYS_OPEN:
                self.held.append(connection)
                continue
            with connection:
                if answer.startswith(b"HTTP"):
                    self.requests.append(connection.recv(65536))
                if answer == b"end":
                    return
                connection.sendall(answer)

    def close(self) -> None:
        self._answers = [b"end"]
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(PATIENCE)
        for each in (*self.held, self._listener):
            each.close()


@contextmanager
def server(*answers: bytes | None) -> Iterator[Server]:
    made = Server(*answers)
    try:
        yield made
    finally:
        made.close()


def client(port: int, protocol: str = "http", path: str = "/") -> EdgeClient:
    return EdgeClient("127.0.0.1", str(port), protocol, path, "200", "399")


def edge(**changes: Any) -> Edge:
    return Edge(
        **{
            "client": "web",
            "server": "api",
            "port_name": "http",
            "dns_name": "api.internal",
            "port": 8080,
            "app_protocol": "http",
            "path": "/healthz",
            "lowest_status": 200,
            "highest_status": 399,
            **changes,
        }
    )


class TestWhatCounts:
    def test_eight_right_answers_in_a_row(self, capsys: pytest.CaptureFixture[str]) -> None:
        """P07: the first answers of a new proxy may fail. One between two right ones asks for
        twice as many."""
        answers = [http(status) for status in (500, 200, 200, 404, 200)]
        with server(*answers) as api:
            assert client(api.port).prove() == PROVEN
        assert len(api.requests) == 4 + 16
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(each["said"], each["code"], each["failures"]) for each in printed] == [
            ("HTTP 500, expected 200-399", WRONG_STATUS, 0),
            ("HTTP 200", PROVEN, 0),
            ("HTTP 404, expected 200-399", WRONG_STATUS, 1),
            ("HTTP 200", PROVEN, 1),
            ("HTTP 200, 16 times in a row", PROVEN, 1),
        ]
        assert {each["edge"] for each in printed} == {f"127.0.0.1:{api.port}"}
        assert [each["asked"] for each in printed] == [0, 1, 3, 4, 19]

    @pytest.mark.parametrize(
        ("status", "by_itself"), [(404, True), (500, True), (503, False), (429, False)]
    )
    def test_the_same_wrong_answer_of_the_application_is_final_after_a_while(
        self, status: int, by_itself: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has started, and means it. A 503 may say that it has not."""
        monkeypatch.setattr(edge_rules, "SETTLED_SECONDS", 0.05)
        with server(*[http(status)] * 200, http(200)) as api:
            assert client(api.port).prove() == (WRONG_STATUS if by_itself else PROVEN)

    def test_a_redirect_is_an_answer_and_is_not_followed(self) -> None:
        """P11."""
        with server(http(302, FROM_APPLICATION + b"Location: /elsewhere\r\n")) as api:
            assert client(api.port, path="/healthz").prove() == PROVEN
        assert {each.split(b"\r\n")[0] for each in api.requests} == {b"GET /healthz HTTP/1.1"}
        assert len(api.requests) == 8

    @pytest.mark.parametrize(
        ("answer", "code", "words"),
        [
            (http(404), WRONG_STATUS, "HTTP 404, expected 200-399"),
            (http(503), WRONG_STATUS, "HTTP 503, expected 200-399"),
            (
                http(503, b"", b"no healthy upstream"),
                NO_CONNECTION,
                "HTTP 503 of the proxy: it has no server to pass this on to",
            ),
            (
                http(503, FROM_APPLICATION, edge_client.OF_SERVERS_PROXY + b". reset reason: x"),
                NO_ANSWER,
                "HTTP 503 of the server's proxy: nothing answers behind it",
            ),
            (
                http(
                    502,
                    FROM_APPLICATION,
                    edge_client.OF_SERVERS_PROXY + b". reset reason: protocol error",
                ),
                NO_ANSWER,
                "HTTP 502 of the server's proxy: another protocol is spoken behind it",
            ),
            (
                http(502, FROM_APPLICATION, b"Bad Gateway"),
                WRONG_STATUS,
                "HTTP 502, expected 200-399",
            ),
            (CLOSES, NO_ANSWER, "closed without an answer"),
            (b"SSH-2.0\r\n", NO_ANSWER, "no whole HTTP answer: BadStatusLine"),
            (STAYS_OPEN, NO_CONNECTION, "timed out after 0.3 s"),
        ],
    )
    def test_a_wrong_http_answer_is_reported(
        self, answer: bytes | None, code: int, words: str
    ) -> None:
        """P06, P07: who answered decides, and no body is shown."""
        with server(answer) as api:
            asks = client(api.port)
            seen = asks.attempt()
        assert asks.meant is (words.startswith("HTTP 404") or "another protocol" in words)
        assert seen[0] == code
        # A server that closes before it has read the request may cause a reset.
        assert seen[1] in (words, "connection reset by peer" if answer == CLOSES else words)

    def test_a_503_of_the_proxy_never_counts(self) -> None:
        with server(http(503, b"")) as api:
            expects_everything = EdgeClient("127.0.0.1", str(api.port), "http", "/", "200", "599")
            assert expects_everything.attempt()[0] == NO_CONNECTION

    @pytest.mark.parametrize(
        ("answer", "code", "words"),
        [
            (b"HELLO", PROVEN, "answers"),
            (STAYS_OPEN, PROVEN, "stays open"),
            (CLOSES, NO_ANSWER, "closed at once"),
        ],
    )
    def test_an_open_tcp_connection_proves_an_edge(
        self, answer: bytes | None, code: int, words: str
    ) -> None:
        with server(answer) as db:
            assert client(db.port, "tcp").attempt() == (code, words)

    def test_what_the_callers_own_proxy_accepts_proves_nothing_yet(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It closes the connection when its own to the server has timed out (Envoy, 5 s), as where
        a security group lets nothing through."""
        monkeypatch.setattr(edge_tcp, "PROXIED_OPEN_SECONDS", 5.0)
        monkeypatch.setattr(edge_tcp, "AT_ONCE_SECONDS", 0.0)
        with server(CLOSES) as dropped:
            assert client(dropped.port, "tcp").attempt() == (NO_CONNECTION, "closed after 0 s")
        assert edge_rules.PROXIED_OPEN_SECONDS > 5.0 > edge_rules.AT_ONCE_SECONDS

    def test_as_many_connections_as_prove_an_edge_are_open_at_the_same_time(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Each takes seconds. One that fails between others asks for twice as many."""
        with server(STAYS_OPEN, CLOSES, STAYS_OPEN) as db:
            assert client(db.port, "tcp").prove() == PROVEN
            assert len(db.held) == 2 + 6
        said = [json.loads(line)["said"] for line in capsys.readouterr().out.splitlines()]
        assert said == [
            "stays open",
            "closed at once",
            "stays open",
            "stays open, 6 times in a row",
        ]

    @pytest.mark.parametrize("protocol", ["http", "tcp"])
    def test_a_refused_connection_is_reported(self, protocol: str) -> None:
        with server(CLOSES) as gone:
            pass
        assert client(gone.port, protocol).attempt() == (NO_ANSWER, "connection refused")

    @pytest.mark.parametrize("protocol", ["http", "tcp"])
    def test_an_unresolved_name_ends_the_proof(
        self, protocol: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """P08: in a running task it will never resolve."""

        def unknown(*_: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert client(80, protocol).prove() == NO_NAME


class TestProgram:
    def run(self, port: int, patience: str, protocol: str = "http") -> subprocess.Popen[str]:
        arguments = ("127.0.0.1", str(port), protocol, "/", "200", "399", patience)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", edge_command.source(protocol), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )

    def test_the_program_needs_nothing_but_python(self) -> None:
        with server(http(200)) as api, self.run(api.port, "10") as program:
            output, _ = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0
        assert json.loads(output.splitlines()[-1]) == {
            "edge": f"127.0.0.1:{api.port}",
            "said": "HTTP 200, 8 times in a row",
            "code": PROVEN,
            "status": 200,
            "failures": 0,
            "asked": 8,
        }

    @pytest.mark.parametrize(("protocol", "said"), [("http2", "HTTP/2 200"), ("grpc", "SERVING")])
    def test_it_speaks_http2_alone(self, protocol: str, said: str) -> None:
        """With nothing but the standard library."""
        with (
            running(Http2Server(protocol, "tcp:127.0.0.1:0")) as api,
            self.run(port_of(api), "10", protocol) as program,
        ):
            output, _ = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0
        assert json.loads(output.splitlines()[-1])["said"] == f"{said}, 8 times in a row"

    def test_at_the_end_of_its_patience_it_says_what_it_last_saw(self) -> None:
        with server(http(500)) as api, self.run(api.port, "0.5") as program:
            program.communicate(timeout=PATIENCE)
        assert program.returncode == WRONG_STATUS

    def test_sigterm_before_any_answer_ends_it(self) -> None:
        """Even while it waits for an answer."""
        with server(STAYS_OPEN) as api, self.run(api.port, "60") as program:
            # It has connected, so its handlers are set.
            while not api.held:
                assert program.poll() is None
            program.send_signal(signal.SIGTERM)
            program.communicate(timeout=PATIENCE)
        assert program.returncode == NO_CONNECTION


class OnlyWhatRuns(ast.NodeTransformer):
    """Without docstrings, annotations, and imports of its own parts."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign:
        assert node.value is not None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """All are of this kind."""


def imports_first(program: ast.Module) -> list[str]:
    """Its statements; each import once."""
    imports = [ast.dump(each) for each in program.body if isinstance(each, ast.Import)]
    others = [ast.dump(each) for each in program.body if not isinstance(each, ast.Import)]
    return [*dict.fromkeys(imports), *others]


@pytest.mark.parametrize(
    ("protocol", "parts"),
    [
        ("http", ["ASKING = {}", "ask_tcp = None", edge_rules, edge_http, edge_client]),
        ("http2", ["ask_tcp = None", edge_rules, edge_http2, edge_client]),
        ("grpc", ["ask_tcp = None", edge_rules, edge_http2, edge_client]),
        ("tcp", ["ASKING = {}", edge_rules, edge_tcp, edge_client]),
    ],
)
def test_the_program_is_its_parts_without_what_only_readers_need(
    protocol: str, parts: list[ModuleType | str]
) -> None:
    texts = [p if isinstance(p, str) else Path(str(p.__file__)).read_text("utf-8") for p in parts]
    whole = OnlyWhatRuns().visit(ast.parse("\n".join(texts).replace(FUTURE, "")))
    program = ast.parse(edge_command.source(protocol))
    assert imports_first(whole) == imports_first(program) == [*map(ast.dump, program.body)]


@pytest.mark.parametrize("protocol", ["http", "http2", "tcp"])
def test_the_program_is_the_same_whichever_python_writes_it(protocol: str) -> None:
    """Python 3.12 writes a text within a placeholder of an f-string in the outer quotes, which no
    earlier Python reads."""
    placeholders = [
        node
        for node in ast.walk(ast.parse(edge_command.source(protocol)))
        if isinstance(node, ast.FormattedValue)
    ]
    texts = (each for node in placeholders for each in ast.walk(node.value))
    constants = [each.value for each in texts if isinstance(each, ast.Constant)]
    assert not [each for each in constants if isinstance(each, str)]


class TestCommand:
    def test_the_command_of_an_http_edge(self) -> None:
        assert edge_command.command(edge(), 600) == [
            "python",
            "-c",
            edge_command.source("http"),
            *("api.internal", "8080", "http", "/healthz", "200", "399", "600"),
        ]

    @pytest.mark.parametrize("protocol", ["http", "http2", "grpc"])
    def test_each_protocol_is_asked_as_itself(self, protocol: str) -> None:
        assert protocol in edge_command.command(edge(app_protocol=protocol), 600)

    def test_without_a_protocol_it_is_tcp(self) -> None:
        assert "tcp" in edge_command.command(edge(app_protocol=None), 600)

    def test_however_many_edges_of_http2_there_are_their_tasks_have_room(self) -> None:
        """T08: their program is longer."""
        edges = [edge(app_protocol="grpc", port_name=f"p{number}") for number in range(20)]
        groups = list(mesh.together(edges))
        assert [each for group in groups for each in group] == edges
        for group in groups:
            commands = [edge_command.command(each, 600) for each in group]
            assert len(json.dumps(commands)) < 58 * 1024

    def test_nine_of_them_fit_into_a_task_definition(self) -> None:
        """T08: a task definition has at most 64 KB."""
        commands = [edge_command.command(edge(path="/" + "x" * 511), 600) for _ in range(9)]
        assert len(json.dumps(commands)) < 56 * 1024

    def test_every_exit_code_has_a_meaning(self) -> None:
        known = {PROVEN, NO_NAME, NO_CONNECTION, WRONG_STATUS, NO_ANSWER}
        assert set(edge_command.EXIT_MEANING) == known == {PROVEN, *edge_command.FAULTS}
