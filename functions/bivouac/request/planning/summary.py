"""A plan in the request's words: what a dry run answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from bivouac import times
from bivouac.environment.blueprint import Blueprint, ServiceBlueprint, aliases
from bivouac.json_types import Json
from bivouac.request.findings import Note, What

PLANNED = "PLANNED"
GRPC, HTTP2 = "grpc", "http2"
MOST_TOLD, MOST_FIELDS = 200, 20
"""Entries of a list, and fields of an entry, so that nothing pasted outgrows a state."""


def summary(blueprint: Blueprint, notes: Iterable[Note]) -> Json:
    """What will be made, and everything that is not used as it was written."""
    told = _grouped(notes)
    return {
        "name": blueprint.environment,
        "outcome": PLANNED,
        "namespace": blueprint.namespace,
        "cluster": blueprint.cluster["clusterName"],
        "lease": times.duration(blueprint.lease_seconds),
        "services": [_service(blueprint, each) for each in blueprint.services],
        "edges": [
            {
                "from": edge.client or None,
                "to": f"{edge.server}:{edge.port_name}",
                "alias": edge.alias,
                "proof": _proof(edge.app_protocol, edge.path, edge.expected_status),
            }
            for edge in blueprint.edges
        ],
        "renamed": [asdict(each) for each in blueprint.renamed[:MOST_TOLD]],
        **{what: entries[:MOST_TOLD] for what, entries in told.items()},
        "warnings": list(blueprint.warnings),
    }


def _service(blueprint: Blueprint, service: ServiceBlueprint) -> Json:
    definition = service.definition or {}
    own_aliases = aliases(blueprint, service)
    return {
        "name": service.service_name,
        "tasks": service.arguments["desiredCount"],
        "cpu": definition.get("cpu"),
        "memory": definition.get("memory"),
        "taskDefinition": service.existing_definition,
        "images": {
            each["name"]: each["image"] for each in definition.get("containerDefinitions", ())
        },
        "endpoints": [
            {
                "portName": each.port_name,
                "port": each.port,
                "protocol": each.app_protocol or "tcp",
                "aliases": own_aliases.get(each.port_name, []),
            }
            for each in service.endpoints
        ],
        "notProven": service.not_proven,
        "dependsOn": [
            {"serviceName": each.service_name, "condition": each.condition}
            for each in service.depends_on
        ],
    }


def _proof(protocol: str | None, path: str, expected_status: str) -> str:
    if protocol == GRPC:
        return "the gRPC health service answers SERVING, or the server speaks gRPC"
    if protocol is None:
        return "a connection stays open (tcp)"
    over = " over HTTP/2" if protocol == HTTP2 else ""
    return f"GET {path} answers {expected_status}{over}"


def _grouped(notes: Iterable[Note]) -> dict[What, list[Json]]:
    """Notes with the same reason about fields of one object are one entry."""
    groups: dict[tuple[What, str, str], list[str]] = {}
    for note in notes:
        parent, _, name = note.path.rpartition(".")
        groups.setdefault((note.what, parent, note.why), []).append(name)
    told: dict[What, list[Json]] = {"dropped": [], "replaced": [], "takenOver": []}
    for (what, parent, why), fields in groups.items():
        more = len(fields) - MOST_FIELDS
        shown = [*fields[:MOST_FIELDS], f"and {more} more"] if more > 0 else fields
        told[what].append({"path": parent, "fields": shown, "why": why})
    return told
