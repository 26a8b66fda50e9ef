"""The program that proves an edge, in tasks behind real proxies."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bivouac.proof import edge_lines
from bivouac.proof.asking import Question, ask
from bivouac.proof.edge_rules import NO_ANSWER, PROVEN
from bivouac.proof.fault import Fault
from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.runtime import AppProtocol, Task
from tests.localcloud.proofs import IDLE, asks, edge, log, said
from tests.localcloud.running_tasks import (
    Witness,
    alias,
    answers,
    container,
    process_runtime,
    processes_of,
    serves,
    socket_path,
    started,
    task,
    until,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.fixture(params=["namespace", "proxy"])
def runtime(request: pytest.FixtureRequest) -> Iterator[ProcessRuntime]:
    """Both kinds of isolation."""
    with process_runtime(request.param) as made:
        yield made


def proof(witness: Witness, client: Task) -> dict[str, int]:
    """The exit code of each edge's container."""
    edges = [each.name for each in client.containers if not each.essential]
    return {name: witness.sees_exit_of(client, name)[0] for name in edges}


def fault(witness: Witness, name: str) -> Fault | None:
    """What the last line of an edge's log means."""
    last = edge_lines.last(witness.lines(log(name)), edge(name))
    assert last is not None
    return last.fault


def idle_hears_sigterm(runtime: ProcessRuntime) -> bool:
    """On ECS it is a first process, which gets only the signals that it handles."""
    for process in processes_of(runtime.directory, "signal.pause()"):
        status = Path(f"/proc/{process}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return True
    return False


def serve(runtime: ProcessRuntime, number: int, endpoint: str, image: str, **of: Any) -> Task:
    server = task(number, container(image=image), ingress=(serves(endpoint, **of),))
    started(runtime, server)
    runtime.set_endpoint(endpoint, [(server.private_ip, 80)])
    return server


SERVERS: dict[str, tuple[str, AppProtocol | None]] = {
    "api": ("nginx", "http"),
    "broken": ("bivouac/unhealthy", "http"),
    "starting": ("bivouac/slow:60", "http"),
    "db": ("nginx", None),
    "dead": ("bivouac/slow:60", None),
}


def test_exit_codes_say_what_is_wrong_with_an_edge(runtime: ProcessRuntime) -> None:
    """P01, P08: asked by alias, through the client's own proxy and the server's."""
    for number, (name, (image, app_protocol)) in enumerate(SERVERS.items(), 1):
        server = serve(runtime, number, name, image, app_protocol=app_protocol)
        if image == "nginx":
            answers(runtime, server)
    known = [alias(name, name, app_protocol) for name, (_, app_protocol) in SERVERS.items()]
    edges = (
        asks("api", 20),
        asks("db", 20, app_protocol=None),
        *(asks(name, 2) for name in ("broken", "starting", "empty", "unknown")),
        asks("dead", 2, app_protocol=None),
        asks("api", 2, "elsewhere", port=81),
    )
    client = task(9, IDLE, *edges, aliases=(*known, alias("empty", "empty")))
    witness = started(runtime, client)
    expected = {
        "api": (0, ["api:80 HTTP 200", "api:80 HTTP 200, 8 times in a row"]),
        "db": (0, ["db:80 stays open", "db:80 stays open, 3 times in a row"]),
        "broken": (12, ["broken:80 HTTP 500, expected 200-399"]),
        "starting": (
            13,
            ["starting:80 HTTP 503 of the server's proxy: nothing answers behind it"],
        ),
        "empty": (11, ["empty:80 HTTP 503 of the proxy: it has no server to pass this on to"]),
        "unknown": (10, ["unknown:80 does not resolve"]),
        "dead": (13, ["dead:80 closed at once"]),
        "elsewhere": (13, ["api:81 connection refused"]),
    }
    codes = proof(witness, client)
    calls = {name: ("api", {"port": 81}) if name == "elsewhere" else (name, {}) for name in codes}
    assert {
        name: (code, said(witness.lines(log(name)), calls[name][0], **calls[name][1]))
        for name, code in codes.items()
    } == expected
    assert {name: fault(witness, name) for name in SERVERS | {"empty": "", "unknown": ""}} == {
        "api": None,
        "db": None,
        "broken": Fault.STATUS,
        "starting": Fault.NO_ANSWER,
        "dead": Fault.NO_ANSWER,
        "empty": Fault.CONNECTION,
        "unknown": Fault.NAME,
    }
    assert witness.exits(client, "idle") == [], "one-shot containers end, the task goes on"


def test_an_edge_is_proven_as_soon_as_its_server_answers(runtime: ProcessRuntime) -> None:
    """P07, H23: proof clients exist before their servers do."""
    known = (alias("api", "api"),)
    witness = started(runtime, client := task(1, IDLE, asks("api", 20), aliases=known))
    witness.sees_line(log("api"), "no server")
    serve(runtime, 2, "api", "nginx")
    assert proof(witness, client) == {"api": 0}


def test_a_stopped_proof_reports_its_last_result(runtime: ProcessRuntime) -> None:
    serve(runtime, 1, "broken", "bivouac/unhealthy")
    known = (alias("broken", "broken"),)
    witness = started(runtime, client := task(2, IDLE, asks("broken", 60), aliases=known))
    witness.sees_line(log("broken"), "HTTP 500")
    until(lambda: idle_hears_sigterm(runtime), "idle never asked for SIGTERM")
    runtime.stop(client.task_id)
    assert proof(witness, client) == {"broken": 12}
    assert witness.sees_exit_of(client, "idle") == (0, None)


OF_HTTP2: dict[str, tuple[str, AppProtocol]] = {
    "web2": ("acme/web", "http2"),
    "rpc": ("acme/rpc", "grpc"),
    "rpc-elsewhere": ("bivouac/slow:60", "grpc"),
    "rpc-of-http": ("nginx", "grpc"),
}


@pytest.mark.parametrize("isolation", ["namespace", "proxy"])
def test_http2_and_grpc_edges_are_proven_by_their_protocol_alone(isolation: Any) -> None:
    """Behind two real proxies, each of which keeps any connection open; the first two servers are
    stand-ins for images that nobody knows."""
    with process_runtime(isolation) as runtime:
        for number, (name, (image, protocol)) in enumerate(OF_HTTP2.items(), 1):
            serve(runtime, number, name, image, app_protocol=protocol)
        asking = [asks(name, 4, app_protocol=protocol) for name, (_, protocol) in OF_HTTP2.items()]
        aliases = tuple(
            alias(name, name, app_protocol=protocol) for name, (_, protocol) in OF_HTTP2.items()
        )
        client = task(9, IDLE, *asking, aliases=aliases)
        witness = started(runtime, client)
        assert proof(witness, client) == {
            "web2": PROVEN,
            "rpc": PROVEN,
            "rpc-elsewhere": NO_ANSWER,
            "rpc-of-http": NO_ANSWER,
        }
        last = {name: witness.lines(log(name))[-1] for name in ("rpc-elsewhere", "rpc-of-http")}
        assert "nothing answers gRPC" in last["rpc-elsewhere"]
        assert "another protocol is spoken" in last["rpc-of-http"]
        assert fault(witness, "rpc-elsewhere") is fault(witness, "rpc-of-http") is Fault.NO_ANSWER


@pytest.mark.parametrize(
    ("image", "protocol", "seen"),
    [
        ("acme/web", "http2", "HTTP/2 200"),
        ("acme/rpc", "grpc", "gRPC health SERVING"),
        ("bivouac/slow:60", "http2", "nothing answers HTTP/2"),
        ("bivouac/slow:60", "grpc", "nothing answers gRPC"),
        ("nginx", "http2", "another protocol than HTTP/2 is spoken"),
        ("nginx", "grpc", "another protocol than gRPC is spoken"),
    ],
)
def test_the_probe_asks_an_address_in_its_protocol(
    image: str, protocol: AppProtocol, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P06: through the server's proxy, as the probe functions do."""
    with process_runtime("namespace") as runtime:
        server = serve(runtime, 1, "api", image, app_protocol=protocol)
        path = str(socket_path(runtime, server, 80))

        def connected(*_: Any, **__: Any) -> socket.socket:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(5)
            stream.connect(path)
            return stream

        monkeypatch.setattr(socket, "create_connection", connected)
        question = Question(protocol, "/", 200, 399)
        until(lambda: seen in ask(question, ("api", 80)).observed, f"{image} as {protocol}")
        assert ask(question, ("api", 80)).good is image.startswith("acme/")


GREETS_AS_GRPC = (
    "import socket\n"
    "with socket.create_server(('', 80), reuse_port=True) as server:\n"
    "  while True:\n"
    "    stream, _ = server.accept()\n"
    "    stream.sendall(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))\n"
    "    stream.recv(65_536)\n"
    "    stream.close()\n"
)
"""HTTP/2's SETTINGS frame, which such a server sends first, and no patience for anything else."""


def test_an_endpoint_of_the_wrong_protocol_is_not_what_its_application_answers() -> None:
    """The server's proxy answers 502, which is no answer of the application's."""
    grpc = container(image="python:3.12-slim")
    with process_runtime("namespace") as runtime:
        server = task(
            1, replace(grpc, command=("python", "-c", GREETS_AS_GRPC)), ingress=(serves("rpc"),)
        )
        started(runtime, server)
        runtime.set_endpoint("rpc", [(server.private_ip, 80)])
        client = task(2, IDLE, asks("rpc", 20), aliases=(alias("rpc", "rpc"),))
        witness = started(runtime, client)
        witness.sees_line(log("rpc"), "another protocol is spoken")


def test_a_python_server_listens_at_its_aliass_port() -> None:
    """As on ECS: `python -m http.server 3000` behind an alias of port 3000, and itself a client."""
    command = ("python", "-m", "http.server", "3000")
    server = replace(container(image="python:3.12-slim", ports=(3000,)), command=command)
    known = (alias("api", "api", port=3000),)
    with process_runtime("namespace") as runtime:
        api = task(
            1,
            server,
            ingress=(replace(serves("api", port=3000), container_port=3000),),
            aliases=known,
        )
        started(runtime, api)
        runtime.set_endpoint("api", [(api.private_ip, 3000)])
        client = task(2, IDLE, asks("api", 20, port=3000), aliases=known)
        assert proof(started(runtime, client), client) == {"api": PROVEN}
