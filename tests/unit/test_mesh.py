"""Which client proves each edge from inside the mesh, and what its containers' exit codes mean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac.environment import naming
from bivouac.environment.blueprint import (
    Blueprint,
    create_service_arguments,
    from_ecs_tags,
    register_task_definition_arguments,
    service_specification,
)
from bivouac.proof import edge_rules, mesh
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import (
    EDGES_PER_TASK,
    EdgeProof,
    EdgeReading,
    ProofClient,
    State,
    container_name,
    proof_clients,
    read_edges,
    stale,
    still_proven,
)
from localcloud import request_shape
from tests.requests import called, connection, environment, web
from tests.unit.planned import planned

NAMESPACE = "arn:aws:servicediscovery:ap-northeast-1:123456789012:namespace/ns-1"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PRIVATE = {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}


def shop(*connections: dict[str, Any], **changes: Any) -> Blueprint:
    """web calls api, api calls backend, and any further services given."""
    services = [web(), web(serviceName="api"), web(serviceName="backend", **changes)]
    edges = connections or (connection("web", "api"), connection("api", "backend"))
    return planned(environment(*services, connect=list(edges)))


def crowd(number: int) -> Blueprint:
    """As many edges as this, all of the same network."""
    services = [web(), *(web(serviceName=f"api-{each}") for each in range(number))]
    edges = [connection("web", f"api-{each}") for each in range(number)]
    return planned(environment(*services, connect=edges))


def asked(client: ProofClient) -> list[str]:
    return [edge.name for edge in client.edges]


# --- which client --------------------------------------------------------------------------------


def test_edges_of_one_network_share_a_client() -> None:
    (client,) = proof_clients(shop(), 1)
    assert asked(client) == ["web -> api:api", "api -> backend:backend"]
    assert client.service.definition is not None
    containers = client.service.definition["containerDefinitions"]
    assert [container["name"] for container in containers] == ["idle", "edge-1", "edge-2"]
    assert [container["essential"] for container in containers] == [True, False, False]


def test_an_edge_is_proven_from_its_clients_network() -> None:
    """P09: another subnet or security group might admit what the caller's does not."""
    edges = [connection("web", "api"), connection("backend", "api"), connection("api", "web")]
    first, second = proof_clients(shop(*edges, networkConfiguration=PRIVATE), 1)
    assert asked(first) == ["web -> api:api", "api -> web:web"]
    assert asked(second) == ["backend -> api:api"]
    network = second.service.arguments["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"


def test_an_edge_without_a_client_is_proven_from_its_servers_network() -> None:
    services = [web(), web(serviceName="api", networkConfiguration=PRIVATE)]
    clients = proof_clients(planned(environment(*services)), 1)
    assert [asked(client) for client in clients] == [["web:web"], ["api:api"]]


@pytest.mark.parametrize(("edges", "clients"), [(1, 1), (9, 1), (10, 2), (18, 2), (19, 3)])
def test_a_task_proves_at_most_nine_edges(edges: int, clients: int) -> None:
    """A task definition holds 10 containers."""
    made = proof_clients(crowd(edges), 1)
    assert len(made) == clients
    assert sum(len(client.edges) for client in made) == edges
    assert max(len(client.edges) for client in made) <= EDGES_PER_TASK


def test_nothing_to_prove_needs_no_client() -> None:
    assert proof_clients(planned(environment(web(desiredCount=0))), 1) == ()


def test_the_same_edges_have_the_same_definition_in_every_generation() -> None:
    """T03: it is registered once; S02: the service never meets the draining one before it."""
    first, later = proof_clients(shop(), 1)[0], proof_clients(shop(), 7)[0]
    assert first.service.definition == later.service.definition
    names = [client.service.service_name for client in (first, later)]
    assert names == ["bivouac-proof-1-1", "bivouac-proof-7-1"]
    assert first.service.definition is not None
    assert first.service.definition["family"] == "bivouac-demo--bivouac-proof-1"


@pytest.mark.parametrize("blueprint", [shop(), crowd(9)], ids=["shop", "nine edges"])
def test_every_call_fits_the_model_of_ecs(blueprint: Blueprint) -> None:
    (client,) = proof_clients(blueprint, 1)
    definition = register_task_definition_arguments(blueprint, client.service)
    specification = service_specification(blueprint, client.service, NAMESPACE, "family:1")
    service = create_service_arguments(blueprint, client.service, specification, 1)
    assert not request_shape.problems("ecs", "RegisterTaskDefinition", definition)
    assert not request_shape.problems("ecs", "CreateService", service)
    for arguments in (definition, service):
        assert naming.is_owned(from_ecs_tags(arguments["tags"]), "bivouac", "demo")


def test_a_client_of_nine_of_the_longest_edges_can_be_registered() -> None:
    """A task definition has at most 64 KB."""
    path = "/" + "p" * 511
    names = [f"api-{number}-{'x' * 50}" for number in range(9)]
    services = [web(), *(web(serviceName=name) for name in names)]
    edges = [connection("web", called(name, path=path)) for name in names]
    blueprint = planned(environment(*services, connect=edges))
    (client,) = proof_clients(blueprint, 1)
    arguments = register_task_definition_arguments(blueprint, client.service)
    assert len(json.dumps(arguments)) < 65_536


def test_a_client_is_in_the_mesh_and_offers_nothing() -> None:
    """P01: only tasks of Service Connect services resolve the aliases."""
    blueprint = shop()
    (client,) = proof_clients(blueprint, 1)
    made = service_specification(blueprint, client.service, NAMESPACE, "family:1")
    assert made["serviceConnectConfiguration"] == {"enabled": True, "namespace": NAMESPACE}
    assert client.service.endpoints == ()
    assert not client.service.has_health_check
    assert made["desiredCount"] == 1


def test_the_containers_log_to_the_proofs_log_group() -> None:
    """H09: a missing group keeps a task from starting."""
    blueprint = shop()
    (client,) = proof_clients(blueprint, 1)
    assert client.service.definition is not None
    for container in client.service.definition["containerDefinitions"]:
        options = container["logConfiguration"]["options"]
        assert options["awslogs-group"] in blueprint.log_groups
        assert options["awslogs-stream-prefix"] == container["name"]


def test_the_image_and_the_role_are_the_stacks() -> None:
    blueprint = planned(environment(), proof_image="mirror.example/python:3", task_role_arns=())
    (client,) = proof_clients(blueprint, 1)
    definition = client.service.definition
    assert definition is not None
    assert {entry["image"] for entry in definition["containerDefinitions"]} == {
        "mirror.example/python:3"
    }
    assert definition["executionRoleArn"] == blueprint.proof.execution_role_arn
    assert "taskRoleArn" not in definition


def test_the_module_starts_fast() -> None:
    """pydantic and boto3 cost each function that only waits its cold start (decision 0003)."""
    asking = "import bivouac.proof.mesh, sys; print({'pydantic', 'boto3'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", asking],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "set()"


# --- their exit codes ----------------------------------------------------------------------------


def task(*containers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As DescribeTasks gives it."""
    idle = {"name": "idle", "lastStatus": "RUNNING"}
    return {"lastStatus": "RUNNING", "containers": [idle, *containers], **changes}


def ended(number: int, exit_code: int | None, **changes: Any) -> dict[str, Any]:
    name = container_name(number)
    code = {} if exit_code is None else {"exitCode": exit_code}
    return {"name": name, "lastStatus": "STOPPED", **code, **changes}


def running(number: int) -> dict[str, Any]:
    return {"name": container_name(number), "lastStatus": "RUNNING"}


def readings(described: dict[str, Any] | None) -> list[EdgeReading]:
    (client,) = proof_clients(shop(), 1)
    return read_edges(client, described)


def states(described: dict[str, Any] | None) -> list[tuple[State, Fault | None]]:
    return [(reading.state, reading.fault) for reading in readings(described)]


STILL = (State.PENDING, None)


@pytest.mark.parametrize(
    "described",
    [
        None,
        {"lastStatus": "PROVISIONING"},
        {"lastStatus": "PENDING", "containers": []},
        task(running(1), running(2)),
    ],
    ids=["no task", "provisioning", "pending", "asking"],
)
def test_an_edge_whose_container_runs_is_pending(described: dict[str, Any] | None) -> None:
    assert states(described) == [STILL, STILL]
    assert all(reading.observed for reading in readings(described))


def test_an_edge_whose_container_succeeded_is_proven_while_others_are_pending() -> None:
    assert states(task(ended(1, 0), running(2))) == [(State.OK, None), STILL]
    assert readings(task(ended(1, 0), running(2)))[0].observed == "api:80 answers"


@pytest.mark.parametrize(
    ("exit_code", "fault", "told"),
    [
        (edge_rules.NO_NAME, Fault.NAME, "does not resolve"),
        (edge_rules.NO_CONNECTION, Fault.CONNECTION, "connection failed"),
        (edge_rules.WRONG_STATUS, Fault.STATUS, "wrong status"),
        (edge_rules.NO_ANSWER, Fault.NO_ANSWER, "nothing behind it answers"),
        (127, Fault.EXIT_CODE, "exit code 127"),
        (137, Fault.EXIT_CODE, "exit code 137"),
    ],
)
def test_exit_codes_distinguish_name_connection_and_status(
    exit_code: int, fault: Fault, told: str
) -> None:
    described = task(ended(1, exit_code), running(2))
    assert states(described) == [(State.NG, fault), STILL]
    assert told in readings(described)[0].observed


def test_a_task_that_stopped_first_proves_nothing_and_says_why() -> None:
    """H07: such as an image that cannot be pulled; DescribeTasks then gives no exit code."""
    cannot_pull = "CannotPullContainerError: manifest unknown"
    never_ran = [ended(number, None, reason=cannot_pull) for number in (1, 2)]
    described = task(*never_ran, lastStatus="STOPPED")
    assert states(described) == [(State.NG, Fault.NEVER_RAN)] * 2
    assert cannot_pull in readings(described)[0].observed


def test_a_task_without_containers_gives_its_own_reason() -> None:
    described = {"lastStatus": "STOPPED", "stoppedReason": "ResourceInitializationError: no role"}
    assert "no role" in readings(described)[1].observed
    assert states(described) == [(State.NG, Fault.NEVER_RAN)] * 2


def test_an_edge_stays_proven_when_its_task_stops_afterwards() -> None:
    described = task(ended(1, 0), ended(2, 143), lastStatus="STOPPED")
    assert states(described) == [(State.OK, None), (State.NG, Fault.EXIT_CODE)]


# --- what stays proven ---------------------------------------------------------------------------

DEPLOYMENTS = {"web": "ecs-svc/1", "api": "ecs-svc/2", "backend": "ecs-svc/3"}


def proven(blueprint: Blueprint) -> list[EdgeProof]:
    (client,) = proof_clients(blueprint, 1)
    found = read_edges(client, task(ended(1, 0), ended(2, edge_rules.NO_CONNECTION)))
    answered = [reading.edge.name for reading in found if reading.state is State.OK]
    return mesh.proven(blueprint, {NOW.isoformat(): answered}, DEPLOYMENTS)


def test_a_proof_survives_json() -> None:
    """W19: the record keeps it as text."""
    for known in proven(shop()):
        assert EdgeProof.from_json(json.loads(json.dumps(known.to_json()))) == known


def test_an_edge_stays_proven_for_the_same_two_deployments() -> None:
    """An unchanged request starts no proof client again."""
    good, bad = shop().edges
    assert still_proven(good, proven(shop()), DEPLOYMENTS)
    assert not still_proven(bad, proven(shop()), DEPLOYMENTS)
    assert not still_proven(good, [], DEPLOYMENTS)
    (known,) = proven(shop())
    assert not still_proven(good, [replace(known, state=State.NG)], DEPLOYMENTS)


@pytest.mark.parametrize("changed", ["web", "api"])
def test_a_new_deployment_of_either_end_needs_a_new_proof(changed: str) -> None:
    edge = shop().edges[0]
    assert not still_proven(edge, proven(shop()), {**DEPLOYMENTS, changed: "ecs-svc/9"})
    others = {name: known for name, known in DEPLOYMENTS.items() if name != changed}
    assert not still_proven(edge, proven(shop()), others)


def test_another_service_may_change_without_a_new_proof() -> None:
    edge = shop().edges[0]
    assert still_proven(edge, proven(shop()), {**DEPLOYMENTS, "backend": "ecs-svc/9"})


def test_a_changed_edge_needs_a_new_proof() -> None:
    """The deployments are the same; path or status is not."""
    asks_more = [connection("web", called("api", path="/health")), connection("api", "backend")]
    assert not still_proven(shop(*asks_more).edges[0], proven(shop()), DEPLOYMENTS)


def test_an_endpoint_that_nobody_calls_is_proven_for_its_own_deployment() -> None:
    blueprint = planned(environment())
    answered = {NOW.isoformat(): [blueprint.edges[0].name]}
    (known,) = mesh.proven(blueprint, answered, DEPLOYMENTS)
    assert known.client_deployment == ""
    assert still_proven(blueprint.edges[0], [known], DEPLOYMENTS)
    assert not still_proven(blueprint.edges[0], [known], {**DEPLOYMENTS, "web": "ecs-svc/9"})


def test_a_client_that_was_deployed_before_the_endpoint_existed_cannot_see_it() -> None:
    """P08."""
    edge, late = shop().edges[0], NOW + timedelta(milliseconds=1)
    assert stale(edge, NOW, late)
    assert not stale(edge, late, NOW)
    assert not stale(edge, NOW, NOW)
    nobody_calls = planned(environment()).edges[0]
    assert not stale(nobody_calls, NOW, late)
