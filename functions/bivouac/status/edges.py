"""What is known about each edge now, including while it is being proven. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bivouac import times
from bivouac.aws import ecs_answers
from bivouac.environment.blueprint import Blueprint, Edge
from bivouac.environment.record import Record
from bivouac.json_types import Json
from bivouac.proof import mesh
from bivouac.proof.mesh import EdgeProof, ProofClient
from bivouac.services.deployments import primary_deployment
from bivouac.status.live import Live


class EdgeState(StrEnum):
    NOT_CALLED = "NOT_CALLED"
    CALLED = "CALLED"
    """A proof client calls it, and has no right answer yet."""
    ANSWERED = "ANSWERED"
    """To its proof client, just now. The record has the proof once the environment is READY."""
    PROVEN = "PROVEN"
    """For the deployments that run now."""
    FAILED = "FAILED"


def described(
    record: Record,
    blueprint: Blueprint,
    live: Live,
    primaries: Mapping[str, str],
    failure: Mapping[str, Any],
) -> list[Json]:
    """`primaries`: the deployments of services with tasks."""
    proofs = [EdgeProof.from_json(entry) for entry in record.edges]
    called = {
        edge: found
        for client in mesh.proof_clients(blueprint, record.generation)
        for edge, found in _called(client, live)
    }
    return [_described(edge, proofs, primaries, called, failure) for edge in blueprint.edges]


def proven(blueprint: Blueprint, proofs: Sequence[EdgeProof]) -> list[Json]:
    """As they were when the environment became READY."""
    by_name = {proof.edge: proof for proof in proofs}
    return [
        _entry(edge, EdgeState.PROVEN, None, by_name[edge.name])
        for edge in blueprint.edges
        if edge.name in by_name
    ]


def _described(
    edge: Edge,
    proofs: list[EdgeProof],
    primaries: Mapping[str, str],
    called: Mapping[str, tuple[EdgeState, str | None]],
    failure: Mapping[str, Any],
) -> Json:
    if proof := mesh.still_proven(edge, proofs, primaries):
        return _entry(edge, EdgeState.PROVEN, None, proof)
    if diagnosed := _diagnosed(edge, failure):
        return _entry(edge, EdgeState.FAILED, diagnosed, None)
    return _entry(edge, *called.get(edge.name, (EdgeState.NOT_CALLED, None)), None)


def _entry(edge: Edge, state: EdgeState, because: str | None, proof: EdgeProof | None) -> Json:
    """`proof`: if it holds."""
    return {
        "from": edge.client or None,
        "to": f"{edge.server}:{edge.port_name}",
        "alias": edge.alias,
        "state": state,
        "because": because,
        "proven": proof is not None,
        "observed": proof.observed if proof else None,
        "at": times.timestamp(times.moment(proof.at)) if proof else None,
    }


def _called(client: ProofClient, live: Live) -> Iterator[tuple[str, tuple[EdgeState, str | None]]]:
    """What a proof client's task says about its edges, by their names.

    A client is deleted once all its edges have answered: its tasks still say so, even when stopped.
    """
    name = client.service.service_name
    service = live.services.get(name)
    if service is None:
        return
    active, running = ecs_answers.is_active(service), live.running.get(name, ())
    current = (primary_deployment(service) or {}).get("id")
    tasks = (
        # A task of an earlier deployment resolved an older mesh
        [task for task in running if task.get("startedBy") == current]
        if active
        else [*running, *live.stopped.get(name, ())]
    )
    for task in tasks:
        for reading in mesh.read_edges(client, task):
            match reading.state:
                case mesh.State.OK:
                    yield reading.edge.name, (EdgeState.ANSWERED, None)
                case mesh.State.NG if active:
                    yield reading.edge.name, (EdgeState.FAILED, reading.observed)
                case mesh.State.PENDING if active and ecs_answers.is_running(task):
                    yield reading.edge.name, (EdgeState.CALLED, None)


def _diagnosed(edge: Edge, failure: Mapping[str, Any]) -> str | None:
    """What a diagnosis says of it. Those of earlier versions name one edge alone, and have it in
    their evidence."""
    for verdict in failure.get("verdicts") or ():
        if found := (verdict.get("edges") or {}).get(edge.name):
            return str(found)
        if verdict["service"] == edge.name and verdict["evidence"]:
            return str(verdict["evidence"][0]).removeprefix(f"{edge.name}: ")
    return None
