"""What becomes a graph of ECS's answers and the record: how far services are, what edges say."""

from __future__ import annotations

import json
from typing import Any

from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Record, Status
from bivouac.proof import mesh
from bivouac.services.deployments import Observed
from demo.mesh_view.graph import Condition, EdgeState, Graph
from demo.mesh_view.reading import PROVER, graph_of
from tests.requests import connection, environment, event, web
from tests.unit import described
from tests.unit.planned import planned

PROOF = naming.proof_service(1, 1)
NOT_THERE = Observed(None, (), ())
HEALTHY = Observed(described.service(), (described.task(healthStatus="HEALTHY"),), ())


def record_of(blueprint: Blueprint, edges: str = "[]") -> Record:
    content = json.dumps(blueprint.to_json())
    return Record("shop", 1, Status.CREATING, "", "", content, "", False, edges)


SHOP = record_of(planned(event("shop")))


def starting(running: int, health: str = "UNKNOWN") -> Observed:
    tasks = (described.task(healthStatus=health),) * running
    deployments = [described.deployment(runningCount=running, rolloutState="IN_PROGRESS")]
    return Observed(described.service(deployments=deployments), tasks, ())


def asking(**exit_codes: int | None) -> Observed:
    """A proof client's task: each container with its exit code, None while it runs."""
    containers: list[dict[str, Any]] = [
        {"name": name.replace("_", "-"), "lastStatus": "RUNNING"}
        if code is None
        else {"name": name.replace("_", "-"), "lastStatus": "STOPPED", "exitCode": code}
        for name, code in exit_codes.items()
    ]
    return Observed(described.service(), (described.task(containers=containers),), ())


def states(graph: Graph) -> dict[str, str]:
    return {node.name: node.state for node in graph.nodes}


def edges(graph: Graph) -> dict[str, EdgeState]:
    return {edge.name: edge.state for edge in graph.edges}


def test_services_that_are_not_there_say_what_they_wait_for() -> None:
    graph = graph_of(SHOP, {})
    assert states(graph) == {"backend": "waiting", "api": "waiting", "web": "waiting"}
    assert graph.awaits == ["api waits for backend (HEALTHY)", "web waits for api (START)"]
    assert set(edges(graph).values()) == {EdgeState.UNASKED}


def test_a_service_starts_runs_and_is_healthy() -> None:
    """H20: running is not healthy where the task definition declares a health check."""
    for seen, state, awaits in (
        (starting(0), "0/1 running", "backend: 0 of 1 running"),
        (starting(1), "1/1 running", "backend: running, 0 of 1 healthy"),
        (HEALTHY, "healthy", None),
    ):
        graph = graph_of(SHOP, {"backend": seen})
        assert states(graph)["backend"] == state
        assert (graph.awaits[0] if awaits else None) == awaits
    assert "api waits for backend (HEALTHY)" not in graph.awaits


def test_a_service_that_failed_says_why() -> None:
    """H07: an image that does not exist never heals."""
    stops = (described.stopped("CannotPullContainerError: manifest unknown: not found"),)
    failed = Observed(starting(0).service, (), stops)
    node = next(n for n in graph_of(SHOP, {"backend": failed}).nodes if n.name == "backend")
    assert node.condition is Condition.FAILED
    assert node.remark.startswith("backend: image pull: ")


def test_a_service_that_drains_is_on_its_way_out() -> None:
    draining = Observed(described.service(status="DRAINING"), (), ())
    assert states(graph_of(SHOP, {"backend": draining}))["backend"] == "draining"
    gone = Observed(described.service(status="INACTIVE"), (), ())
    assert states(graph_of(SHOP, {"backend": gone}))["backend"] == "waiting"


def test_an_edge_is_asked_and_its_exit_code_is_the_proof() -> None:
    """P01."""
    first = graph_of(SHOP, {PROOF: asking(edge_1=None, edge_2=0)})
    assert edges(first) == {
        "web -> api:api": EdgeState.ASKING,
        "api -> backend:backend": EdgeState.OK,
    }
    then = graph_of(SHOP, {PROOF: asking(edge_1=11, edge_2=0)}, first)
    assert edges(then)["web -> api:api"] is EdgeState.NG
    assert then.edges[0].observed == "api:8080: the connection failed"


def test_a_proven_edge_stays_proven_once_its_client_is_gone() -> None:
    proven = graph_of(SHOP, {PROOF: asking(edge_1=0, edge_2=0)})
    after = graph_of(SHOP, {PROOF: NOT_THERE}, proven)
    assert set(edges(after).values()) == {EdgeState.OK}


def test_an_edge_that_an_earlier_create_has_proven_need_not_be_asked() -> None:
    blueprint = planned(
        environment(web(), web(serviceName="api"), connect=[connection("web", "api")])
    )
    (client,) = mesh.proof_clients(blueprint, 1)
    reading = mesh.EdgeReading(client.edges[0], mesh.State.OK, "api:80 answers")
    deployments = {"web": described.DEPLOYMENT, "api": described.DEPLOYMENT}
    kept = mesh.proof(client.edges[0], reading, deployments, described.BEGAN).to_json()
    record = record_of(blueprint, json.dumps([kept]))
    assert edges(graph_of(record, {"web": HEALTHY, "api": HEALTHY})) == {
        "web -> api:api": EdgeState.OK
    }


def test_without_named_clients_bivouac_itself_asks_every_endpoint() -> None:
    graph = graph_of(record_of(planned(environment(web()))), {"web": HEALTHY})
    assert [(edge.client, edge.server) for edge in graph.edges] == [(PROVER, "web")]
    assert states(graph) == {PROVER: "asks", "web": "1/1 running"}
    assert graph.awaits == []
