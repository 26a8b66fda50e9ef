"""The status document: what an environment is, for people and pipelines. Pure.

It has nothing internal: no request, no plan, no tokens. Containers' environment variables, which
may be secrets, are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bivouac import times
from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import HELD, Record, Status, Summary
from bivouac.json_types import Json
from bivouac.services.deployments import primary_deployment
from bivouac.status import edges, services
from bivouac.status.execution import execution
from bivouac.status.live import Live
from bivouac.status.urls import urls
from bivouac.status.word import status_word


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
    blueprint = Blueprint.from_json(record.content)
    failure = json.loads(record.failure) if record.failure else None
    primaries = {
        name: (primary_deployment(service) or {}).get("id", "")
        for name, service in live.services.items()
        if ecs_answers.is_active(service) and live.running.get(name)
    }
    found, why_none = urls(record, blueprint, live, primaries)
    return {
        "name": record.environment,
        "status": status_word(record.status, record.verb),
        "doing": record.verb if record.status in HELD else None,
        "generation": record.generation,
        "owner": blueprint.tags.get(naming.OWNER_TAG),
        "tags": _given_tags(blueprint),
        "triggers": blueprint.triggers,
        "createdAt": record.created_at or None,
        "readyAt": record.ready_at or None,
        **_lease(record.status, record.expires_at, now),
        "cluster": blueprint.cluster["clusterName"],
        "namespace": blueprint.namespace,
        "urls": found,
        "noUrlBecause": why_none,
        "services": services.described(record, blueprint, live, failure or {}),
        "edges": edges.described(record, blueprint, live, primaries, failure or {}),
        "warnings": list(blueprint.warnings),
        "diagnosis": _diagnosis(failure),
        "execution": execution(record.execution, blueprint.stack)
        | {"status": live.execution_status},
        "receipt": dict(record.receipt) or None,
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


def _diagnosis(failure: Mapping[str, Any] | None) -> Json | None:
    if failure is None:
        return None
    verdicts = failure.get("verdicts") or [{}]
    return {
        "error": failure.get("error"),
        "category": failure.get("category"),
        "cause": failure.get("cause"),
        "nextStep": verdicts[0].get("next_step"),
    }
