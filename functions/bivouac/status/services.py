"""What each service is now, and why it is not healthy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, ServiceBlueprint, aliases
from bivouac.environment.record import Record, Status
from bivouac.json_types import Described, Json
from bivouac.redaction.text import redacted
from bivouac.services.convergence import Condition
from bivouac.services.deployments import primary_deployment
from bivouac.status.live import Live


class State(StrEnum):
    """Of a service."""

    HEALTHY = "HEALTHY"
    STARTING = "STARTING"
    """Fewer tasks run than are desired, or their health is not known yet."""
    UNHEALTHY = "UNHEALTHY"
    STOPPED = "STOPPED"
    """As desired, no task runs."""
    DRAINING = "DRAINING"
    MISSING = "MISSING"


def planned(blueprint: Blueprint, service: ServiceBlueprint) -> Json:
    """What the request decides of it."""
    return {
        "name": service.service_name,
        "aliases": [each for every in aliases(blueprint, service).values() for each in every],
        "logGroup": _log_group(blueprint, service.service_name),
        "notProven": service.not_proven,
    }


def described(
    record: Record, blueprint: Blueprint, live: Live, failure: Mapping[str, Any]
) -> list[Json]:
    """In the blueprint's order: what a service depends on comes before it."""
    states: dict[str, State] = {}
    found = []
    for wanted in blueprint.services:
        service = live.services.get(wanted.service_name)
        if service is not None and ecs_answers.is_gone(service):
            service = None
        tasks = live.running.get(wanted.service_name, ())
        running = [task for task in tasks if ecs_answers.is_running(task)]
        healthy = [task for task in running if ecs_answers.is_fit(task, wanted.has_health_check)]
        desired = service["desiredCount"] if service else 0
        state = _state(service, desired, running, healthy)
        states[wanted.service_name] = state
        found.append(
            {
                **planned(blueprint, wanted),
                "desired": desired,
                "running": len(running),
                "healthy": len(healthy),
                "deployment": (primary_deployment(service or {}) or {}).get("id"),
                "images": _images(running),
                "state": state,
                "because": _diagnosed(wanted.service_name, state, failure)
                or _because(wanted, states, len(running), desired, record.status),
            }
        )
    return found


def _state(
    service: Described | None,
    desired: int,
    running: Sequence[Described],
    healthy: Sequence[Described],
) -> State:
    if service is None:
        return State.MISSING
    if ecs_answers.is_draining(service):
        return State.DRAINING
    if desired == 0:
        return State.STOPPED
    if len(healthy) >= desired:
        return State.HEALTHY
    sick = any(ecs_answers.is_unhealthy(task) for task in running)
    return State.UNHEALTHY if sick and len(running) >= desired else State.STARTING


def _diagnosed(name: str, state: State, failure: Mapping[str, Any]) -> str | None:
    """A diagnosis of it, which counts more than numbers."""
    if state is not State.HEALTHY:
        for verdict in failure.get("verdicts") or ():
            if verdict["service"] == name:
                return ": ".join([verdict["category"], *verdict["evidence"][:1]])
    return None


def _because(
    planned: ServiceBlueprint,
    states: Mapping[str, State],
    running: int,
    desired: int,
    status: Status,
) -> str | None:
    match states[planned.service_name]:
        case State.HEALTHY:
            return None
        case State.MISSING if status is Status.CREATING:
            needs = ", ".join(_unmet(planned, states))
            return f"waiting for {needs}" if needs else "not created yet"
        case State.MISSING if status in (Status.DELETING, Status.DELETED):
            return "deleted"
        case State.MISSING:
            return "ECS has no such service"
        case State.DRAINING:
            return "ECS is deleting it"
        case State.STOPPED:
            return "no task is wanted"
        case State.STARTING if running < desired:
            return f"{running} of {desired} tasks running"
        case State.STARTING:
            return "its health check has not passed yet"
        case State.UNHEALTHY:
            return "its health check does not pass"


def _unmet(planned: ServiceBlueprint, states: Mapping[str, State]) -> Iterator[str]:
    for need in planned.depends_on:
        state = states.get(need.service_name, State.MISSING)
        if state is State.MISSING or (
            need.condition == Condition.HEALTHY and state is not State.HEALTHY
        ):
            yield f"{need.service_name} ({need.condition})"


def _images(running: Sequence[Described]) -> list[Json]:
    """Of the first running task: the others run the same, or will soon."""
    containers = running[0].get("containers", ()) if running else ()
    return [
        {
            "container": container["name"],
            "image": container.get("image"),
            "digest": container.get("imageDigest"),
            "reason": redacted(container["reason"]) if container.get("reason") else None,
        }
        for container in containers
        if not container["name"].startswith(ecs_answers.PROXY_CONTAINER_PREFIX)
    ]


def _log_group(blueprint: Blueprint, service: str) -> str | None:
    """None if it runs a foreign definition, whose containers log elsewhere."""
    group = naming.log_group(blueprint.stack, blueprint.environment, service)
    return group if group in blueprint.log_groups else None
