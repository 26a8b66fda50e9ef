"""The status document: what an environment is, for people and pipelines. Pure.

docs/status_parts.py has its fields. Outputs of executions and events show parts of it, made here.

It has nothing internal: no request, no plan, no tokens. Containers' environment variables, which
may be secrets, are not in it.
"""

from __future__ import annotations

from datetime import datetime

from bivouac import times
from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import HELD, Record, Status, Summary
from bivouac.json_types import Json
from bivouac.proof.mesh import EdgeProof
from bivouac.services.deployments import primary_deployment
from bivouac.status import edges, services
from bivouac.status.diagnosis import diagnosis
from bivouac.status.execution import execution
from bivouac.status.live import Live
from bivouac.status.receipt import receipt
from bivouac.status.urls import urls
from bivouac.status.word import status_word


def environment(record: Record, blueprint: Blueprint) -> Json:
    """What every part says of its environment. A deleted one has no lease."""
    return {
        "name": record.environment,
        "status": status_word(record.status, record.verb),
        "generation": record.generation,
        "owner": blueprint.tags.get(naming.OWNER_TAG),
        "triggers": blueprint.triggers,
        "expiresAt": None if record.status is Status.DELETED else record.expires_at,
    }


def proven(record: Record, blueprint: Blueprint) -> Json:
    """What READY stands for, from the record alone."""
    proofs = [EdgeProof.from_json(entry) for entry in record.edges]
    return {
        "cluster": blueprint.cluster["clusterName"],
        "namespace": blueprint.namespace,
        "services": [services.planned(blueprint, each) for each in blueprint.services],
        "edges": edges.proven(blueprint, proofs),
    }


def summarised(summary: Summary, prefix: str, now: datetime) -> Json:
    """One entry of a list, from its record alone."""
    return {
        "name": summary.environment,
        "status": status_word(summary.status, summary.verb),
        "doing": summary.verb if summary.status in HELD else None,
        "generation": summary.generation,
        "owner": summary.owner or None,
        "triggers": summary.triggers,
        "createdAt": summary.created_at or None,
        "readyAt": summary.ready_at or None,
        **_lease(summary.status, summary.expires_at, now),
        "execution": execution(summary.execution, prefix),
    }


def described(record: Record, live: Live, now: datetime) -> Json:
    """The whole document of one environment."""
    blueprint = record.planned
    primaries = {
        name: (primary_deployment(service) or {}).get("id", "")
        for name, service in live.services.items()
        if ecs_answers.is_active(service) and live.running.get(name)
    }
    found, why_none = urls(record, blueprint, live, primaries)
    return {
        **environment(record, blueprint),
        "doing": record.verb if record.status in HELD else None,
        "tags": _given_tags(blueprint),
        "createdAt": record.created_at or None,
        "readyAt": record.ready_at or None,
        **_lease(record.status, record.expires_at, now),
        "cluster": blueprint.cluster["clusterName"],
        "namespace": blueprint.namespace,
        "urls": found,
        "noUrlBecause": why_none,
        "services": services.described(record, blueprint, live, record.failure),
        "edges": edges.described(record, blueprint, live, primaries, record.failure),
        "warnings": list(blueprint.warnings),
        "diagnosis": diagnosis(record.failure) if record.failure else None,
        "execution": execution(record.execution, blueprint.stack)
        | {"status": live.execution_status},
        "receipt": receipt(record) if record.receipt else None,
        "observedAt": times.timestamp(now),
    }


def _lease(status: Status, expires_at: str, now: datetime) -> Json:
    """A deleted environment has no lease."""
    if status is Status.DELETED:
        return {"expiresAt": None, "secondsLeft": None}
    left = -times.seconds_since(expires_at, now)
    return {"expiresAt": expires_at, "secondsLeft": max(0, int(left))}


def _given_tags(blueprint: Blueprint) -> dict[str, str]:
    reserved = naming.RESERVED_TAG_PREFIXES
    return {key: tag for key, tag in blueprint.tags.items() if not key.startswith(reserved)}
