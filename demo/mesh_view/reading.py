"""Reads an environment that is being made, as its user could in the console: ECS and the record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from bivouac.aws import ecs
from bivouac.aws.environments_table import Records
from bivouac.diagnosis import health
from bivouac.diagnosis.health import Progress
from bivouac.environment.blueprint import Blueprint, ServiceBlueprint
from bivouac.environment.record import Record
from bivouac.proof import mesh
from bivouac.proof.check import CheckOutcome
from bivouac.proof.mesh import EdgeProof, ProofClient, State
from bivouac.services import deployments, observation
from bivouac.services.deployments import Expected, Observed
from demo.mesh_view.graph import Condition, Edge, EdgeState, Graph, Node

LOOK_EVERY_SECONDS = 0.5
PROVER = "Bivouac"
"""Calls the endpoints for which the request names no client."""


class EnvironmentView:
    """One environment's graph, read no more often than every LOOK_EVERY_SECONDS."""

    def __init__(self, ecs_client: Any, dynamodb: Any, table_name: str, environment: str) -> None:
        self._ecs = ecs_client
        self._records = Records(dynamodb, table_name)
        self._environment = environment
        self._next_look = 0.0
        self._cluster_seen = False
        self.graph: Graph | None = None
        """As it was last seen; None before there is a record."""

    def look(self, *, at_once: bool = False) -> Graph | None:
        """`at_once`: something is known to have happened."""
        if at_once or time.monotonic() >= self._next_look:
            self.graph = self._read()
            self._next_look = time.monotonic() + LOOK_EVERY_SECONDS
        return self.graph

    def deployments(self) -> dict[str, str]:
        """Ids of the services' primary deployments, by service."""
        record = self._records.find(self._environment)
        if record is None:
            return {}
        cluster = str(record.content["cluster"]["clusterName"])
        names = [service["service_name"] for service in record.content["services"]]
        found = ecs.describe_services(self._ecs, cluster, names)
        primaries = {name: deployments.primary_deployment(each) for name, each in found.items()}
        return {name: each["id"] for name, each in primaries.items() if each}

    def _read(self) -> Graph | None:
        record = self._records.find(self._environment)
        if record is None:
            return None
        blueprint = Blueprint.from_json(record.content)
        clients = mesh.proof_clients(blueprint, record.generation)
        cluster = str(blueprint.cluster["clusterName"])
        if not self._cluster_seen:
            self._cluster_seen = ecs.describe_cluster(self._ecs, cluster) is not None
        seen = self._seen(cluster, blueprint, clients) if self._cluster_seen else {}
        return graph_of(record, seen, self.graph)

    def _seen(
        self, cluster: str, blueprint: Blueprint, clients: tuple[ProofClient, ...]
    ) -> dict[str, Observed]:
        names = [
            service.service_name
            for service in (*blueprint.services, *(client.service for client in clients))
        ]
        services = ecs.describe_services(self._ecs, cluster, names)
        running = observation.tasks_by_service(self._ecs, cluster, "RUNNING")
        expected = [_expected(name, services.get(name, {})) for name in names]
        return observation.observed(self._ecs, cluster, expected, services, running)


def _expected(name: str, service: Mapping[str, Any]) -> Expected:
    """Whichever deployment is the service's own one now."""
    primary = deployments.primary_deployment(service) or {"taskDefinition": "", "id": ""}
    return Expected(name, primary["taskDefinition"], primary["id"])


def graph_of(record: Record, seen: Mapping[str, Observed], before: Graph | None = None) -> Graph:
    """What was `seen` of each service, by name, the proof clients among them. Pure.

    An edge that was proven `before` stays so when the client that asked it is gone."""
    blueprint = Blueprint.from_json(record.content)
    clients = mesh.proof_clients(blueprint, record.generation)
    nodes: dict[str, Node] = {}
    for service in blueprint.services:
        looked = seen.get(service.service_name, _NOTHING)
        nodes[service.service_name] = _node(service, looked, nodes)
    edges = {edge.name: edge for edge in _edges(record, blueprint, clients, seen)}
    for known in before.edges if before else ():
        if known.state is EdgeState.OK and known.name in edges:
            edges[known.name] = known
    provers = (_PROVER_NODE,) if any(edge.client == PROVER for edge in edges.values()) else ()
    return Graph((*provers, *nodes.values()), tuple(edges.values()))


_NOTHING = Observed(None, (), ())
_PROVER_NODE = Node(PROVER, Condition.HEALTHY, "asks")


def _node(service: ServiceBlueprint, looked: Observed, servers: Mapping[str, Node]) -> Node:
    """`servers` are the nodes of what it depends on: they come first in a blueprint."""
    name = service.service_name
    if looked.service is None or looked.service["status"] == "INACTIVE":
        needs = ", ".join(_unmet(service, servers))
        return Node(
            name, Condition.WAITING, "waiting", f"{name} waits for {needs}" if needs else ""
        )
    if looked.service["status"] == "DRAINING":
        return Node(name, Condition.LEAVING, "draining", f"{name} is draining")
    judged = health.judge(service, _expected(name, looked.service), looked)
    if judged.failed:
        why = ": ".join((str(judged.failed.category), *judged.failed.evidence[:1]))
        return Node(name, Condition.FAILED, "failed", f"{name}: {why}")
    desired = looked.service["desiredCount"]
    running = (deployments.primary_deployment(looked.service) or {}).get("runningCount", 0)
    counted = f"{running}/{desired} running"
    if judged.healthy:
        return Node(name, Condition.HEALTHY, "healthy" if service.has_health_check else counted)
    hindered = f" ({judged.hindered.category})" if judged.hindered else ""
    if running < desired:
        remark = f"{name}: {running} of {desired} running{hindered}"
        return Node(name, Condition.STARTING, counted, remark)
    return Node(name, Condition.RUNNING, counted, f"{name}: {_missing(judged)}{hindered}")


def _missing(judged: Progress) -> str:
    """What a service lacks whose tasks all run: "0 of 1 healthy", mostly."""
    first = next(entry for entry in judged.checks if entry.outcome is not CheckOutcome.OK)
    if first.name.startswith("tasks "):
        return f"running, {first.observed} {first.name.removeprefix('tasks ')}"
    return f"{first.name}: {first.observed}"


def _unmet(service: ServiceBlueprint, servers: Mapping[str, Node]) -> Iterator[str]:
    for need in service.depends_on:
        server = servers.get(need.service_name)
        there = server is not None and server.condition is not Condition.WAITING
        healthy = server is not None and server.condition is Condition.HEALTHY
        if not (healthy if need.condition == "HEALTHY" else there):
            yield f"{need.service_name} ({need.condition})"


def _edges(
    record: Record,
    blueprint: Blueprint,
    clients: tuple[ProofClient, ...],
    seen: Mapping[str, Observed],
) -> Iterator[Edge]:
    proofs = [EdgeProof.from_json(entry) for entry in record.edge_proofs]
    deployment_ids = {
        name: primary["id"]
        for name, looked in seen.items()
        if looked.service and (primary := deployments.primary_deployment(looked.service))
    }
    for client in clients:
        task = next(iter(seen.get(client.service.service_name, _NOTHING).running), None)
        asking = _asking(task)
        for number, reading in enumerate(mesh.read_edges(client, task), start=1):
            match reading.state:
                case State.OK | State.NG:
                    state = EdgeState(str(reading.state))
                case State.PENDING if mesh.still_proven(reading.edge, proofs, deployment_ids):
                    state = EdgeState.OK
                case State.PENDING:
                    asked = mesh.container_name(number) in asking
                    state = EdgeState.ASKING if asked else EdgeState.UNASKED
            edge = reading.edge
            yield Edge(edge.name, edge.client or PROVER, edge.server, state, reading.observed)


def _asking(task: Mapping[str, Any] | None) -> set[str]:
    """Names of the task's containers that run."""
    containers = task["containers"] if task else ()
    return {each["name"] for each in containers if each.get("lastStatus") == "RUNNING"}
