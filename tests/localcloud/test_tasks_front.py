"""`curl http://<service>.<cluster>.localhost/`: how people reach a running service."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.endpoint.front import ServiceFront, service_of_host
from localcloud.images.web_server import BEHAVIOURS, Server, handler_of
from tests.servers import running


@dataclass(frozen=True)
class Answer:
    status: str
    headers: dict[str, str]
    body: bytes


def ask(front: ServiceFront, host: str, **environ: Any) -> Answer:
    """One request to the WSGI application."""
    begun: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        begun.extend((status, {name.lower(): value for name, value in headers}))

    request = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "HTTP_HOST": host,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
        **environ,
    }
    body = b"".join(front(request, start_response))
    return Answer(begun[0], begun[1], body)


@pytest.fixture
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Unix socket that stands for a task's address."""
    path = tmp_path_factory.mktemp("s") / "80"
    with running(Server(f"unix:{path}", handler_of(BEHAVIOURS["echo"]))):
        yield path


def front_to(path: Path | None) -> ServiceFront:
    """One service, `web` of cluster `demo`, whose task has the address 172.31.0.1:80."""
    tasks = {("web", "demo"): ("172.31.0.1", 80)}
    sockets: Callable[[str, int], Path | None] = lambda ip, port: (  # noqa: E731
        path if (ip, port) == ("172.31.0.1", 80) else None
    )
    return ServiceFront(lambda service, cluster: tasks.get((service, cluster)), sockets)


def test_a_request_reaches_the_task_unchanged(echo: Path) -> None:
    answer = ask(
        front_to(echo),
        "web.demo.localhost:4566",
        REQUEST_METHOD="POST",
        PATH_INFO="/a b",
        QUERY_STRING="x=1&y=%20",
        CONTENT_LENGTH="5",
        CONTENT_TYPE="text/plain",
        HTTP_X_TRACE="7",
        HTTP_CONNECTION="keep-alive",
        **{"wsgi.input": io.BytesIO(b"hello and what belongs to nobody")},
    )
    assert answer.status == "200 OK"
    assert answer.headers["server"] == "bivouac-echo"
    heard = json.loads(answer.body)
    assert (heard["method"], heard["path"], heard["body"]) == ("POST", "/a%20b?x=1&y=%20", "hello")
    assert heard["headers"]["host"] == "web.demo.localhost:4566"
    assert heard["headers"]["x-trace"] == "7"
    assert heard["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert "connection" not in heard["headers"]


def test_a_service_without_a_running_task_is_a_503(echo: Path) -> None:
    answer = ask(front_to(echo), "api.demo.localhost:4566")
    assert answer.status == "503 Service Unavailable"
    assert answer.body == b"service 'api' of cluster 'demo' has no running task\n"


def test_a_task_that_does_not_listen_is_a_503() -> None:
    answer = ask(front_to(None), "web.demo.localhost")
    assert answer.status == "503 Service Unavailable"
    assert answer.body == b"nothing listens at 172.31.0.1:80, a task of service 'web'\n"


def test_a_task_that_ends_during_a_request_is_a_502(tmp_path: Path) -> None:
    answer = ask(front_to(tmp_path / "gone"), "web.demo.localhost")
    assert answer.status == "502 Bad Gateway"
    assert b"172.31.0.1:80" in answer.body


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("web.demo.localhost", ("web", "demo")),
        ("Web_1.my-cluster.localhost:4566", ("Web_1", "my-cluster")),
        ("demo.localhost", None),
        ("a.web.demo.localhost", None),
        (".demo.localhost", None),
        ("127.0.0.1:4566", None),
        ("", None),
    ],
)
def test_a_host_names_a_service_and_its_cluster(host: str, names: tuple[str, str] | None) -> None:
    assert service_of_host(host) == names
    if names is None:
        assert ask(front_to(None), host).status == "404 Not Found"
