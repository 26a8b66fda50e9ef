"""The whole proof of an environment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bivouac.environment.blueprint import Blueprint
from bivouac.errors import NotProvenError
from bivouac.json_types import Json
from bivouac.proof import check
from bivouac.proof.check import Check, CheckOutcome, few
from bivouac.proof.mesh import EdgeProof


def not_proven(blueprint: Blueprint) -> list[Json]:
    """Of each service of which READY proves only that its tasks run."""
    return [
        check.not_proven(service.service_name, service.not_proven).to_json()
        for service in blueprint.services
        if service.not_proven
    ]


def collected(blueprint: Blueprint, checks: Sequence[Json], answers: Sequence[Json]) -> list[Json]:
    """Every check: of the services (`checks`), and of what their endpoints answered.

    Raises NotProvenError if a declared endpoint has no answer that is OK, or any check is NG."""
    answered = {
        (entry["service"], entry["endpoint"])
        for entry in answers
        if entry["outcome"] == CheckOutcome.OK
    }
    silent = [
        f"{service.service_name}: {endpoint.port_name}"
        for service in blueprint.services
        for endpoint in service.endpoints
        if service.arguments["desiredCount"] > 0
        and (service.service_name, endpoint.port_name) not in answered
    ]
    proof = [*checks, *answers, *not_proven(blueprint)]
    if silent or any(Check.from_json(entry).is_ng for entry in proof):
        raise NotProvenError(f"not proven: {few(silent) or 'a check is NG'}")
    return proof


def edges(blueprint: Blueprint, proofs: Iterable[EdgeProof]) -> list[Json]:
    """Raises NotProvenError if an edge has no proof."""
    proven = [each.to_json() for each in proofs]
    missing = {edge.name for edge in blueprint.edges} - {entry["edge"] for entry in proven}
    if missing:
        raise NotProvenError(f"not proven: {few(sorted(missing))}")
    return proven
