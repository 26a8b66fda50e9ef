"""The clients that prove the edges from inside the mesh, and their results. Pure.

Only a task of a Service Connect service resolves client aliases (P01), so short-lived services call
the edges: with one essential container that only waits, and one container for each edge that calls
until it gets the right answers and exits. The exit code is the proof.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, Edge, ServiceBlueprint
from bivouac.json_types import Json
from bivouac.proof import edge_command, edge_rules
from bivouac.proof.fault import Fault

EDGES_PER_TASK = 9
"""A task definition holds 10 containers, and one only waits."""
MOST_BYTES = 56_000
"""Of the commands of a task definition as JSON, which is limited to 64 KB in all."""


@dataclass(frozen=True)
class ProofClient:
    """A service that calls some edges, in the network of their client."""

    service: ServiceBlueprint
    edges: tuple[Edge, ...]
    """In the order of their containers: `container_name(1)` calls the first."""


class State(StrEnum):
    PENDING = "PENDING"
    OK = "OK"
    NG = "NG"


@dataclass(frozen=True)
class EdgeReading:
    """What a task, or its log, shows about an edge."""

    edge: Edge
    state: State
    observed: str
    fault: Fault | None = None
    """Set if and only if the state is NG."""
    status: int | None = None
    """The HTTP status that was answered, where it is known."""


@dataclass(frozen=True)
class EdgeProof:
    """An edge's reading as stored in the record, with the deployments for which it holds."""

    edge: str
    """Its name."""
    specification: str
    """The hash of the edge: another path or status needs another proof."""
    client_deployment: str
    """Empty if the edge names no client."""
    server_deployment: str
    state: str
    observed: str
    at: str
    """ISO 8601."""

    def to_json(self) -> Json:
        return dict(vars(self))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(**content)


def container_name(number: int) -> str:
    """The container of the edge with this number in its task, counted from 1."""
    return f"edge-{number}"


def proof_clients(blueprint: Blueprint, generation: int) -> tuple[ProofClient, ...]:
    """The same edges result in the same definitions in each generation; only the services' names
    differ.

    Edges share a task if their clients share a network configuration (P09)."""
    return tuple(
        ProofClient(_service(blueprint, generation, number, network, edges), edges)
        for number, (network, edges) in enumerate(_tasks(blueprint), start=1)
    )


def _tasks(blueprint: Blueprint) -> Iterator[tuple[Json, tuple[Edge, ...]]]:
    groups: dict[str, tuple[Json, list[Edge]]] = {}
    for edge in blueprint.edges:
        caller = blueprint.service(edge.client or edge.server)
        network = caller.arguments["networkConfiguration"]
        groups.setdefault(json.dumps(network, sort_keys=True), (network, []))[1].append(edge)
    for network, edges in groups.values():
        yield from ((network, group) for group in together(edges))


def together(edges: Sequence[Edge]) -> Iterator[tuple[Edge, ...]]:
    """As many edges as one task has room for."""
    chosen: list[Edge] = []
    size = 0
    for edge in edges:
        needed = len(json.dumps(edge_command.command(edge, 0)))
        if chosen and (len(chosen) == EDGES_PER_TASK or size + needed > MOST_BYTES):
            yield tuple(chosen)
            chosen, size = [], 0
        chosen.append(edge)
        size += needed
    yield tuple(chosen)


def _service(
    blueprint: Blueprint, generation: int, number: int, network: Json, edges: tuple[Edge, ...]
) -> ServiceBlueprint:
    return ServiceBlueprint(
        service_name=naming.proof_service(generation, number),
        arguments={
            "serviceName": naming.proof_service(generation, number),
            "desiredCount": 1,
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
            "enableECSManagedTags": True,
            "propagateTags": "SERVICE",
            "availabilityZoneRebalancing": "DISABLED",
            # Nothing depends on it, so no rule may keep ECS from stopping or starting it (H19).
            "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 0},
            "networkConfiguration": network,
            "serviceConnectConfiguration": {"enabled": True},
        },
        definition=_definition(blueprint, number, edges),
        existing_definition=None,
        has_health_check=False,
        endpoints=(),
        tags={},
        depends_on=(),
    )


def _definition(blueprint: Blueprint, number: int, edges: tuple[Edge, ...]) -> Json:
    asking = [
        _container(
            blueprint,
            container_name(position),
            edge_command.command(edge, blueprint.ready_seconds),
            essential=False,
        )
        for position, edge in enumerate(edges, start=1)
    ]
    return {
        "family": naming.proof_family(blueprint.stack, blueprint.environment, number),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": blueprint.proof.execution_role_arn,
        "containerDefinitions": [
            _container(blueprint, "idle", list(edge_command.IDLE_COMMAND), essential=True),
            *asking,
        ],
    }


def _container(blueprint: Blueprint, name: str, command: list[str], *, essential: bool) -> Json:
    return {
        "name": name,
        "image": blueprint.proof.image,
        "command": command,
        "essential": essential,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": blueprint.proof.log_group,
                "awslogs-region": blueprint.proof.region,
                "awslogs-stream-prefix": name,
            },
        },
    }


def read_edges(client: ProofClient, task: Mapping[str, Any] | None) -> list[EdgeReading]:
    """One reading for each edge, from a task as DescribeTasks returns it; None: no task yet."""
    if task is None:
        return [EdgeReading(edge, State.PENDING, "no task yet") for edge in client.edges]
    containers = {container["name"]: container for container in task.get("containers", ())}
    return [
        _reading(edge, containers.get(container_name(number), {}), task)
        for number, edge in enumerate(client.edges, start=1)
    ]


def _reading(edge: Edge, container: Mapping[str, Any], task: Mapping[str, Any]) -> EdgeReading:
    exit_code = container.get("exitCode")
    reason = container.get("reason")
    if exit_code == edge_rules.PROVEN:
        return EdgeReading(edge, State.OK, _answers(edge))
    if exit_code is not None:
        meaning = edge_command.EXIT_MEANING.get(exit_code, f"exit code {exit_code}")
        observed = f"{edge.alias}: {meaning}" + (f" ({reason})" if reason else "")
        fault = edge_command.FAULTS.get(exit_code, Fault.EXIT_CODE)
        return EdgeReading(edge, State.NG, observed, fault)
    if ecs_answers.is_stopped(container) or ecs_answers.is_stopped(task):
        why = reason or task.get("stoppedReason") or "no reason given"
        observed = f"the task stopped before it called: {why}"
        return EdgeReading(edge, State.NG, observed, Fault.NEVER_RAN)
    status = container.get("lastStatus", task.get("lastStatus", "not visible yet"))
    return EdgeReading(edge, State.PENDING, f"no right answer yet ({status})")


def _answers(edge: Edge) -> str:
    return f"{edge.alias} answers"


def proven(
    blueprint: Blueprint,
    answered: Mapping[str, Iterable[str]],
    deployments: Mapping[str, str],
) -> list[EdgeProof]:
    """The proofs of edges that answered, for the record; `answered`: their names by time, ISO 8601.

    Everything else is in the blueprint and in `deployments`, ids by service name, so that an
    execution's state need not hold it (W08)."""
    at = {name: moment for moment, names in answered.items() for name in names}
    return [
        EdgeProof(
            edge=edge.name,
            specification=_specification(edge),
            client_deployment=deployments[edge.client] if edge.client else "",
            server_deployment=deployments[edge.server],
            state=State.OK,
            observed=_answers(edge),
            at=at[edge.name],
        )
        for edge in blueprint.edges
        if edge.name in at
    ]


def still_proven(
    edge: Edge, proofs: Iterable[EdgeProof], deployments: Mapping[str, str]
) -> EdgeProof | None:
    """The proof for the deployments that run now, ids by service name."""
    for known in proofs:
        if (
            known.state == State.OK
            and known.edge == edge.name
            and known.specification == _specification(edge)
            and known.server_deployment == deployments.get(edge.server)
            and known.client_deployment == (deployments.get(edge.client) if edge.client else "")
        ):
            return known
    return None


def _specification(edge: Edge) -> str:
    return naming.content_hash(vars(edge))


def stale(edge: Edge, client_deployed_at: datetime, endpoint_created_at: datetime) -> bool:
    """Whether the client's tasks can never resolve the endpoint, even if others can (P08).

    A new proof client does not show it: it sees what exists now."""
    return bool(edge.client) and client_deployed_at < endpoint_created_at
