"""The status document: what an environment is, for people and pipelines. Pure.

It has nothing that only Bivouac uses: no request, no plan, no tokens. Environment variables of
containers, which may be secrets, never get here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from bivouac import times
from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, Edge, ServiceBlueprint
from bivouac.environment.record import HELD, Record, Status, Summary
from bivouac.json_types import Described, Json
from bivouac.proof import mesh
from bivouac.proof.mesh import EdgeProof
from bivouac.services.deployments import primary_deployment
from bivouac.status.execution import execution
from bivouac.status.live import Live
from bivouac.status.urls import urls
from bivouac.status.word import status_word


class State(StrEnum):
    """Of a service."""

    HEALTHY = "HEALTHY"
    STARTING = "STARTING"
    """Fewer tasks run than are desired."""
    UNHEALTHY = "UNHEALTHY"
    STOPPED = "STOPPED"
    """As desired, no task runs."""
    DRAINING = "DRAINING"
    MISSING = "MISSING"


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
    proofs = [EdgeProof.from_json(entry) for entry in record.edge_proofs]
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
        "services": [
            _service(blueprint, planned, live, failure or {}, record.status)
            for planned in blueprint.services
        ],
        "edges": [_edge(edge, proofs, primaries) for edge in blueprint.edges],
        "warnings": list(blueprint.warnings),
        "diagnosis": _diagnosis(failure),
        "execution": execution(record.execution, blueprint.stack)
        | {"status": live.execution_status},
        "receipt": dict(record.receipt) or None,
        "observedAt": times.timestamp(now),
    }


def _lease(status: Status, expires_at: str, now: datetime) -> Json:
    """What is deleted has no lease left."""
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


def _edge(edge: Edge, proofs: list[EdgeProof], primaries: Mapping[str, str]) -> Json:
    """Proven: for the deployments that run now. `primaries`: theirs, of services with tasks."""
    proven = mesh.still_proven(edge, proofs, primaries)
    moments = [proof.at for proof in proofs if proof.edge == edge.name]
    return {
        "from": edge.client or None,
        "to": f"{edge.server}:{edge.port_name}",
        "alias": f"{edge.dns_name}:{edge.port}",
        "proven": proven,
        "at": times.timestamp(times.moment(moments[0])) if proven else None,
    }


def _service(
    blueprint: Blueprint,
    planned: ServiceBlueprint,
    live: Live,
    failure: Mapping[str, Any],
    status: Status,
) -> Json:
    service = live.services.get(planned.service_name)
    if service is not None and ecs_answers.is_gone(service):
        service = None
    tasks = live.running.get(planned.service_name, ())
    running = [task for task in tasks if ecs_answers.is_running(task)]
    healthy = [task for task in running if ecs_answers.is_fit(task, planned.has_health_check)]
    desired = service["desiredCount"] if service else 0
    state = _state(service, desired, len(running), len(healthy))
    return {
        "name": planned.service_name,
        "desired": desired,
        "running": len(running),
        "healthy": len(healthy),
        "deployment": (primary_deployment(service or {}) or {}).get("id"),
        "images": _images(running),
        "aliases": list(_aliases(blueprint, planned)),
        "logGroup": _log_group(blueprint, planned.service_name),
        "state": state,
        "because": _because(planned.service_name, state, len(running), desired, failure, status),
    }


def _state(service: Described | None, desired: int, running: int, healthy: int) -> State:
    if service is None:
        return State.MISSING
    if ecs_answers.is_draining(service):
        return State.DRAINING
    if desired == 0:
        return State.STOPPED
    if running < desired:
        return State.STARTING
    return State.HEALTHY if healthy >= desired else State.UNHEALTHY


def _because(
    name: str, state: State, running: int, desired: int, failure: Mapping[str, Any], status: Status
) -> str | None:
    """Why it is not healthy; what a diagnosis says of it counts more than numbers."""
    if state is State.HEALTHY:
        return None
    for verdict in failure.get("verdicts") or ():
        if verdict["service"] == name:
            return ": ".join([verdict["category"], *verdict["evidence"][:1]])
    match state:
        case State.MISSING:
            return f"ECS has no such service; the environment is {status}"
        case State.DRAINING:
            return "ECS is deleting it"
        case State.STOPPED:
            return "no task is wanted"
        case State.STARTING:
            return f"{running} of {desired} tasks run"
        case State.UNHEALTHY:
            return "its health check does not pass"


def _images(running: Sequence[Described]) -> list[Json]:
    """Of the first task that runs: the others run the same, or will soon."""
    containers = running[0].get("containers", ()) if running else ()
    return [
        {
            "container": container["name"],
            "image": container.get("image"),
            "digest": container.get("imageDigest"),
        }
        for container in containers
        if not container["name"].startswith(ecs_answers.PROXY_CONTAINER_PREFIX)
    ]


def _log_group(blueprint: Blueprint, service: str) -> str | None:
    """None where it runs a definition of others, whose containers log elsewhere."""
    group = naming.log_group(blueprint.stack, blueprint.environment, service)
    return group if group in blueprint.log_groups else None


def _aliases(blueprint: Blueprint, planned: ServiceBlueprint) -> Iterator[str]:
    connect = planned.arguments.get("serviceConnectConfiguration") or {}
    for endpoint in connect.get("services") or ():
        name = endpoint.get("discoveryName") or endpoint["portName"]
        for alias in endpoint.get("clientAliases") or ():
            yield f"{alias.get('dnsName', f'{name}.{blueprint.namespace}')}:{alias['port']}"
