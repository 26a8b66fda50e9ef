"""The program that proves an edge, in tasks behind real proxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.runtime import Task
from tests.localcloud.proofs import IDLE, asks, log
from tests.localcloud.running_tasks import (
    Witness,
    alias,
    answers,
    container,
    process_runtime,
    serves,
    started,
    task,
)


@pytest.fixture(params=["namespace", "proxy"])
def runtime(request: pytest.FixtureRequest) -> Iterator[ProcessRuntime]:
    """Both ways of isolation."""
    with process_runtime(request.param) as made:
        yield made


def proof(witness: Witness, client: Task) -> dict[str, int]:
    """The exit code of each edge's container."""
    edges = [each.name for each in client.containers if not each.essential]
    return {name: witness.sees_exit_of(client, name)[0] for name in edges}


def serve(runtime: ProcessRuntime, number: int, endpoint: str, image: str, **of: Any) -> Task:
    server = task(number, container(image=image), ingress=(serves(endpoint, **of),))
    started(runtime, server)
    runtime.set_endpoint(endpoint, [(server.private_ip, 80)])
    return server


def test_exit_codes_tell_what_is_wrong_with_an_edge(runtime: ProcessRuntime) -> None:
    """P01, P08: asked by alias, through the client's own proxy and the server's."""
    answers(runtime, serve(runtime, 1, "api", "nginx"))
    serve(runtime, 2, "broken", "bivouac/unhealthy")
    serve(runtime, 3, "starting", "bivouac/slow:60")
    known = tuple(alias(name, name) for name in ("api", "broken", "starting", "empty"))
    edges = (
        asks("api", 20),
        *(asks(name, 1) for name in ("broken", "starting", "empty", "unknown")),
    )
    witness = started(runtime, client := task(4, IDLE, *edges, aliases=known))
    assert proof(witness, client) == {
        "api": 0,
        "broken": 12,
        "starting": 11,
        "empty": 11,
        "unknown": 10,
    }
    assert witness.lines(log("api")) == ["api:80 HTTP 200", "api:80 HTTP 200, 3 times in a row"]
    assert witness.lines(log("broken")) == ["broken:80 HTTP 500, expected 200-399"]
    assert witness.lines(log("starting")) == [
        "starting:80 HTTP 503 of the server's proxy: nothing answers behind it"
    ]
    assert witness.lines(log("empty")) == [
        "empty:80 HTTP 503 of the proxy: it has no server to pass this on to"
    ]
    assert witness.lines(log("unknown")) == ["unknown:80 does not resolve"]
    assert witness.exits(client, "idle") == [], "one-shot containers end, the task goes on"


def test_a_port_that_is_no_alias_is_refused(runtime: ProcessRuntime) -> None:
    edge = asks("api", 1, port=81)
    witness = started(runtime, client := task(1, IDLE, edge, aliases=(alias("api", "api"),)))
    assert proof(witness, client) == {"api": 11}
    assert witness.lines(log("api")) == ["api:81 connection refused"]


def test_a_tcp_edge_needs_a_connection_that_stays_open(runtime: ProcessRuntime) -> None:
    answers(runtime, serve(runtime, 1, "db", "nginx", app_protocol=None))
    serve(runtime, 2, "dead", "bivouac/slow:60", app_protocol=None)
    known = tuple(alias(name, name, app_protocol=None) for name in ("db", "dead"))
    edges = (asks("db", 20, app_protocol=None), asks("dead", 1, app_protocol=None))
    witness = started(runtime, client := task(3, IDLE, *edges, aliases=known))
    assert proof(witness, client) == {"db": 0, "dead": 11}
    assert witness.lines(log("db")) == ["db:80 stays open", "db:80 stays open, 3 times in a row"]
    assert witness.lines(log("dead")) == ["dead:80 closed by the proxy"]


def test_an_edge_is_proven_as_soon_as_its_server_answers(runtime: ProcessRuntime) -> None:
    """P07, H23: proof clients are there before their servers are."""
    known = (alias("api", "api"),)
    witness = started(runtime, client := task(1, IDLE, asks("api", 20), aliases=known))
    witness.sees_line(log("api"), "no server")
    serve(runtime, 2, "api", "nginx")
    assert proof(witness, client) == {"api": 0}


def test_a_stopped_proof_says_what_it_last_saw(runtime: ProcessRuntime) -> None:
    serve(runtime, 1, "broken", "bivouac/unhealthy")
    known = (alias("broken", "broken"),)
    witness = started(runtime, client := task(2, IDLE, asks("broken", 60), aliases=known))
    witness.sees_line(log("broken"), "HTTP 500")
    runtime.stop(client.task_id)
    assert proof(witness, client) == {"broken": 12}
    assert witness.sees_exit_of(client, "idle") == (0, None)
