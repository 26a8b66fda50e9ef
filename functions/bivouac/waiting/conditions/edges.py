"""What proof clients' tasks say of the edges, and what must be kept of it. Pure."""

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
from bivouac.proof.mesh import EdgeProof, EdgeReading, Fault, ProofClient, State
from bivouac.services.deployments import primary_deployment
from bivouac.waiting.conditions.outstanding import Services, Tasks

GRACE_SECONDS = 30.0
"""An application whose health check has held for so long should have answered."""


@dataclass(frozen=True)
class AskedEdge:
    """An edge that a task of a proof client asks, or has asked."""

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
    """Proven before, for the very deployments that run now."""
    unasked: bool
    """Some edge is neither asked nor proven."""

    def of_state(self, state: State) -> list[AskedEdge]:
        return [each for each in self.asked if each.reading.state is state]

    def answered(self, now: datetime) -> dict[str, list[str]]:
        """The names of all, by the moment when they were proven (mesh.proven)."""
        found: dict[str, list[str]] = {}
        for proof in self.kept:
            found.setdefault(proof.at, []).append(proof.edge)
        for each in self.asked:
            found.setdefault(now.isoformat(), []).append(each.reading.edge.name)
        return found


def deployment_ids(services: Services) -> dict[str, str]:
    """Of the primary deployments, by service."""
    return {
        name: primary["id"]
        for name, service in services.items()
        if (primary := primary_deployment(service))
    }


def read(
    clients: Iterable[ProofClient],
    proofs: Sequence[EdgeProof],
    services: Services,
    running: Tasks,
) -> Edges:
    """`proofs` are what the record has kept; `services` hold the proof clients that exist too."""
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
            known = [proof for proof in proofs if mesh.still_proven(edge, [proof], deployments)]
            kept += known[:1]
            unasked |= not known
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
    """Seconds that an unanswered edge has left; None: until the deadline.

    Without a health check a running task may still be starting up, however long it takes (H20)."""
    if not blueprint.service(asked.reading.edge.server).has_health_check:
        return None
    since = max(asked.since or now, healthy_since)
    return GRACE_SECONDS - (now - since).total_seconds()


def not_proven(failed: Sequence[AskedEdge], healthy_seconds: float) -> Verdict:
    """The verdict on edges that are wrong, or still asked so long after everything was healthy."""
    verdict = edge_verdicts.edges_not_proven([each.reading for each in failed], healthy_seconds)
    first = next(each for each in failed if each.reading.edge.name == verdict.service)
    return replace(verdict, task=first.task, container=first.container)


def came_too_early(
    clients: Iterable[ProofClient], services: Services, wrong: Sequence[AskedEdge]
) -> frozenset[str]:
    """Who is to be deployed once more, as proof clients could not resolve an endpoint that exists;
    empty where anything else is wrong as well.

    ECS may not know a new endpoint everywhere yet. What a deployment did not see when it began its
    tasks never resolve, so a client of the application that is as old is as blind."""
    if any(each.reading.fault is not Fault.NAME for each in wrong):
        return frozenset()
    early = {each.by for each in wrong}
    for each in wrong:
        began = primary_deployment(services[each.by])
        caller = primary_deployment(services.get(each.reading.edge.client) or {})
        if began and caller and caller["createdAt"] <= began["createdAt"]:
            early.add(each.reading.edge.client)
    return _with_askers(clients, services, early)


def _with_askers(
    clients: Iterable[ProofClient], services: Services, names: set[str]
) -> frozenset[str]:
    """And the proof clients that have asked one of them: old tasks prove nothing of new ones."""
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
    """Who is to be deployed once more: clients that are older than an endpoint they call (P08).

    A fresh proof client resolves what exists now, and so shows nothing of it. How old a deployment
    is that ECS went back to, reports of 2022 and 2026 say differently; its tasks are as old as they
    are. `endpoints_since`: by discovery name, when Cloud Map made it."""
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
    return _with_askers(clients, services, stale)
