"""What is still missing, and whether a closer look can show anything yet. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.json_types import Described
from bivouac.proof import mesh
from bivouac.proof.mesh import ProofClient, State
from bivouac.services.deployments import Expected, primary_deployment
from bivouac.waiting.wait import Awaited, Purpose, Stage, TaskEvents, counted

Services = Mapping[str, Described]
"""Described services by name."""
Tasks = Mapping[str, Sequence[Described]]
"""Described tasks by service."""
Blocked = Sequence[Mapping[str, Any]]
"""`serviceName` and the `needs` that keep it from being created or changed."""


def missing_tasks(expected: Iterable[Expected], services: Services) -> dict[str, int]:
    """By service: tasks of the expected deployment that ECS does not count as running yet."""
    missing = {}
    for entry in expected:
        service = services.get(entry.service_name)
        primary = (primary_deployment(service) if service else None) or {}
        desired = service["desiredCount"] if service else 1
        if desired > primary.get("runningCount", 0):
            missing[entry.service_name] = desired - primary.get("runningCount", 0)
    return missing


def condition_sets(expected: Iterable[Expected], blocked: Blocked) -> tuple[frozenset[str], ...]:
    """Sets of services of which all must run for an answer: all, or what another one waits for."""
    known = frozenset(entry.service_name for entry in expected)
    needed = [frozenset(need["serviceName"] for need in entry["needs"]) for entry in blocked]
    return tuple(dict.fromkeys([known, *(names for names in needed if names <= known)]))


def planned(expected: Iterable[Expected]) -> frozenset[str]:
    """The services without the proof clients, which may ask for ever what is never answered."""
    names = (entry.service_name for entry in expected)
    return frozenset(name for name in names if not name.startswith(naming.PROOF_PREFIX))


def awaited(
    expected: Sequence[Expected],
    blocked: Blocked,
    clients: Iterable[ProofClient],
    services: Services,
    running: Tasks,
    task_events: TaskEvents,
) -> Awaited:
    """What events must tell. A proof client's task has come so far once it has asked each edge."""
    tasks = missing_tasks(expected, services)
    for client in clients:
        name = client.service.service_name
        asking = next(iter(running.get(name, ())), None)
        if any(each.state is State.PENDING for each in mesh.read_edges(client, asking)):
            tasks[name] = 1
    return Awaited(
        tasks,
        condition_sets(expected, blocked),
        counted(Purpose.SERVICES, task_events),
        (planned(expected),),
    )


def can_show_something(expected: Sequence[Expected], blocked: Blocked, services: Services) -> bool:
    """Whether tasks are worth reading: a goal runs, or something went wrong."""
    if went_wrong(expected, services):
        return True
    missing = missing_tasks(expected, services)
    seen = (*condition_sets(expected, blocked), planned(expected))
    return any(not condition_set & missing.keys() for condition_set in seen)


def went_wrong(expected: Iterable[Expected], services: Services) -> bool:
    """Whether a service, its deployment or one of its tasks is not as it was made."""
    for entry in expected:
        service = services.get(entry.service_name)
        if service is None:
            continue
        primary = primary_deployment(service) or {}
        if not ecs_answers.is_active(service) or primary.get("id") != entry.deployment_id:
            return True
        if primary.get("failedTasks") or ecs_answers.rollout_failed(primary):
            return True
    return False


def counts_lag_behind(
    task_events: TaskEvents, expected: Iterable[Expected], services: Services
) -> bool:
    """Whether ECS counts fewer running tasks of a service than events told of, or does not know
    the service yet (W01, S18).

    An event that is known would not be awaited again, so such counts must not be believed."""
    told = Counter(
        task_events[task_id].service for task_id in counted(Purpose.SERVICES, task_events)
    )
    missing = missing_tasks(expected, services)
    return any(
        (service["desiredCount"] - short if (service := services.get(name)) else 0) < told[name]
        for name, short in missing.items()
    )


def lags_behind(task_events: TaskEvents, running: Tasks) -> bool:
    """Whether what was read is older than what an event said: its `version` is lower (W01)."""
    versions = {
        ecs_answers.id_of(task["taskArn"]): task.get("version", 0)
        for tasks in running.values()
        for task in tasks
    }
    return any(
        versions.get(task_id, 0) < task_event.version
        for task_id, task_event in task_events.items()
        if task_event.stage is Stage.RUNNING
    )
