"""Scripted proof clients: an edge's result follows from its server's script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bivouac.proof import edge_command
from localcloud.clock import ManualClock
from localcloud.tasks.runtime import Task
from localcloud.tasks.scripted import (
    ScriptedRuntime,
    answers,
    answers_nothing,
    exits,
    proof_client,
    runs,
    serves_elsewhere,
    serves_otherwise,
)
from localcloud.tasks.scripted_edges import (
    NO_ANSWER,
    NO_CONNECTION,
    NO_NAME,
    PROVEN,
    WRONG_STATUS,
)
from tests.localcloud.proofs import IDLE, PYTHON, asks, log, said
from tests.localcloud.running_tasks import Witness, alias, container, serves, task

AN_HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def runtime(clock: ManualClock) -> Iterator[ScriptedRuntime]:
    made = ScriptedRuntime(clock)
    made.script(PYTHON, proof_client)
    yield made
    made.close()


def serve(runtime: ScriptedRuntime, number: int = 1) -> Task:
    server = task(number, container(image="registry/api"), ingress=(serves("api"),))
    runtime.start(server, Witness())
    runtime.set_endpoint("api", [(server.private_ip, 80)])
    return server


def prove(
    runtime: ScriptedRuntime, name: str = "api", number: int = 9, **edge: Any
) -> tuple[Task, Witness]:
    client = task(number, IDLE, asks(name, 600, **edge), aliases=(alias("api", "api"),))
    witness = Witness()
    runtime.start(client, witness)
    return client, witness


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        (runs(), PROVEN, "api:80 HTTP 200, 8 times in a row"),
        (answers(404), WRONG_STATUS, "api:80 HTTP 404, expected 200-399"),
        (answers_nothing(), NO_CONNECTION, "api:80 HTTP 503 of the proxy"),
        (exits(1), NO_CONNECTION, "api:80 HTTP 503 of the proxy"),
        (serves_elsewhere(), NO_ANSWER, "api:80 HTTP 503 of the server's proxy"),
        (serves_otherwise(), NO_ANSWER, "api:80 HTTP 502 of the server's proxy: another protocol"),
    ],
)
def test_the_servers_script_decides(
    runtime: ScriptedRuntime, clock: ManualClock, script: Any, code: int, line: str
) -> None:
    """A client keeps calling a server that does not answer yet; one that answers wrongly is
    final."""
    runtime.script("registry/api", script)
    serve(runtime)
    client, witness = prove(runtime)
    clock.advance(AN_HOUR)
    may_start = script in (answers_nothing(), exits(1), serves_elsewhere())
    assert witness.exits(client, "api") == ([] if may_start else [(code, None)])
    assert said(witness.lines(log("api")), "api")[-1].startswith(line)
    runtime.stop(client.task_id)
    clock.advance(1)
    assert witness.exits(client, "api")[-1] == (code, None)
    assert witness.exits(client, "idle") == [(0, None)]


def test_an_edge_is_proven_once_its_server_answers(
    runtime: ScriptedRuntime, clock: ManualClock
) -> None:
    """P07."""
    client, witness = prove(runtime)
    clock.advance(60)
    runtime.script("registry/api", runs(after=30))
    serve(runtime)
    clock.advance(29)
    assert witness.exits(client, "api") == []
    clock.advance(2)
    assert witness.exits(client, "api") == [(PROVEN, None)]
    assert len(witness.lines(log("api"))) == 2, "one line for each change"


def test_an_unresolved_name_ends_the_proof(runtime: ScriptedRuntime, clock: ManualClock) -> None:
    """P08."""
    serve(runtime)
    client, witness = prove(runtime, "unknown")
    clock.advance(AN_HOUR)
    assert witness.exits(client, "unknown") == [(NO_NAME, None)]


def test_one_server_of_two_may_still_be_starting(
    runtime: ScriptedRuntime, clock: ManualClock
) -> None:
    ready, starting = serve(runtime, 1), "172.31.0.99"
    runtime.set_endpoint("api", [(starting, 80), (ready.private_ip, 80)])
    client, witness = prove(runtime)
    clock.advance(60)
    assert witness.exits(client, "api") == [(PROVEN, None)]


def test_the_scripts_read_bivouacs_commands() -> None:
    script = proof_client(asks("api", 600, port=81, app_protocol=None)).edge
    assert script is not None
    assert (script.dns_name, script.port, script.protocol) == ("api", 81, "tcp")
    codes = {PROVEN, NO_NAME, NO_CONNECTION, WRONG_STATUS, NO_ANSWER}
    assert codes == set(edge_command.EXIT_MEANING)
    assert proof_client(replace(IDLE, name="other")).edge is None
