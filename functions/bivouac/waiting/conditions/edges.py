"""What the proof clients' tasks say about the edges, and which edges are proven. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bivouac.aws import ecs_answers
from bivouac.diagnosis import edge_verdicts
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint
from bivouac.proof import mesh
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import EdgeProof, EdgeReading, ProofClient, State
from bivouac.services.deployments import Services, Tasks, deployment_ids, primary_deployment

GRACE_SECONDS = 30.0
"""An application that has been healthy this long should have answered."""


@dataclass(frozen=True)
class AskedEdge:
    """An edge that a task of a proof client is calling, or has called."""

    reading: EdgeReading
    by: str
    """The service of the proof client."""
    task: str
    """ARN; empty while there is none."""
    container: str
    since: datetime | None
    """None: the task has not started yet."""


@dataclass(frozen=True)
class Edges:
    """Every edge of the environment, at one moment."""

    asked: tuple[AskedEdge, ...]
    kept: tuple[EdgeProof, ...]
    """Proven earlier, for the deployments that run now."""
    unasked: bool
    """Some edge is neither called nor proven."""

    def of_state(self, state: State) -> list[AskedEdge]:
        return [each for each in self.asked if each.reading.state is state]

    def answered(self, now: datetime) -> dict[str, list[str]]:
        """The names of all edges, by the time when they were proven (mesh.proven)."""
        found: dict[str, list[str]] = {}
        for proof in self.kept:
            found.setdefault(proof.at, []).append(proof.edge)
        for each in self.asked:
            found.setdefault(now.isoformat(), []).append(each.reading.edge.name)
        return found


def read(
    clients: Iterable[ProofClient],
    proofs: Sequence[EdgeProof],
    services: Services,
    running: Tasks,
) -> Edges:
    """`proofs` come from the record; `services` include the proof clients that exist."""
    deployments = deployment_ids(services)
    asked: list[AskedEdge] = []
    kept: list[EdgeProof] = []
    unasked = False
    for client in clients:
        name = client.service.service_name
        if name in services and ecs_answers.is_active(services[name]):
            task = next(iter(running.get(name, ())), None)
            asked += _asked(client, task)
            continue
        for edge in client.edges:
            if known := mesh.still_proven(edge, proofs, deployments):
                kept.append(known)
            else:
                unasked = True
    return Edges(tuple(asked), tuple(kept), unasked)


def _asked(client: ProofClient, task: Mapping[str, Any] | None) -> list[AskedEdge]:
    arn, since = (task["taskArn"], task.get("startedAt")) if task else ("", None)
    return [
        AskedEdge(reading, client.service.service_name, arn, mesh.container_name(number), since)
        for number, reading in enumerate(mesh.read_edges(client, task), start=1)
    ]


def grace(
    blueprint: Blueprint, asked: AskedEdge, healthy_since: datetime, now: datetime
) -> float | None:
    """Seconds that are left for an unanswered edge; None: until the deadline.

    Without a health check, a running task may be starting up for any length of time (H20)."""
    if not blueprint.service(asked.reading.edge.server).has_health_check:
        return None
    since = max(asked.since or now, healthy_since)
    return GRACE_SECONDS - (now - since).total_seconds()


def not_proven(failed: Sequence[AskedEdge], healthy_seconds: float) -> Verdict:
    """The verdict on edges that failed, or are unanswered although all has been healthy for
    `healthy_seconds`."""
    verdict = edge_verdicts.edges_not_proven([each.reading for each in failed], healthy_seconds)
    first = next(each for each in failed if each.reading.edge.name == verdict.service)
    return replace(verdict, task=first.task, container=first.container)


def blind_clients(
    clients: Iterable[ProofClient], services: Services, wrong: Sequence[AskedEdge]
) -> frozenset[str]:
    """The services to redeploy because proof clients could not resolve an existing endpoint; empty
    if anything else is wrong as well.

    A new endpoint may not be known everywhere in ECS yet. Tasks never resolve an endpoint that
    their deployment did not know at its start, and nor does an application client of that age."""
    if any(each.reading.fault is not Fault.NAME for each in wrong):
        return frozenset()
    early = {each.by for each in wrong}
    for each in wrong:
        proof = primary_deployment(services[each.by])
        caller = primary_deployment(services.get(each.reading.edge.client) or {})
        if proof and caller and caller["createdAt"] <= proof["createdAt"]:
            early.add(each.reading.edge.client)
    return _with_proof_clients(clients, services, early)


def _with_proof_clients(
    clients: Iterable[ProofClient], services: Services, names: set[str]
) -> frozenset[str]:
    """Plus the proof clients that call one of them: calls to old tasks say nothing about new
    ones."""
    asking = {
        client.service.service_name
        for client in clients
        if any(edge.server in names for edge in client.edges)
    }
    return frozenset(names | (asking & services.keys()))


def stale_clients(
    blueprint: Blueprint,
    clients: Iterable[ProofClient],
    services: Services,
    running: Tasks,
    endpoints_since: Mapping[str, datetime],
) -> frozenset[str]:
    """The services to redeploy: clients that are older than an endpoint they call (P08).

    A new proof client resolves what exists now, so it cannot show this. Reports of 2022 and 2026
    differ on the age of a deployment that ECS rolled back to, so the tasks' age counts too.
    `endpoints_since`: when Cloud Map created each endpoint, by discovery name."""
    stale = set()
    for edge in blueprint.edges:
        if not edge.client:
            continue
        endpoint = blueprint.service(edge.server).endpoint(edge.port_name)
        made = endpoints_since.get(endpoint.discovery_name)
        primary = primary_deployment(services[edge.client])
        if not made or not primary:
            continue
        tasks = [each["createdAt"] for each in running.get(edge.client, ()) if "createdAt" in each]
        if mesh.stale(edge, min([primary["createdAt"], *tasks]), made):
            stale.add(edge.client)
    return _with_proof_clients(clients, services, stale)
