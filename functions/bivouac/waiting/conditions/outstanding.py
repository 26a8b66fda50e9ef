"""What is still missing, and whether reading the tasks can show anything yet. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.proof import mesh
from bivouac.proof.mesh import ProofClient, State
from bivouac.services.convergence import Blocked
from bivouac.services.deployments import Expected, Services, Tasks, primary_deployment
from bivouac.waiting.wait import Awaited, Purpose, Stage, TaskEvents, counted


def missing_tasks(expected: Iterable[Expected], services: Services) -> dict[str, int]:
    """By service: how many tasks of the expected deployment ECS does not count as running yet."""
    missing = {}
    for entry in expected:
        service = services.get(entry.service_name)
        primary = (primary_deployment(service) if service else None) or {}
        desired = service["desiredCount"] if service else 1
        if desired > primary.get("runningCount", 0):
            missing[entry.service_name] = desired - primary.get("runningCount", 0)
    return missing


def condition_sets(
    expected: Sequence[Expected], blocked: Iterable[Blocked]
) -> tuple[frozenset[str], ...]:
    """Sets of services that must all run before there is an answer: all services, those that a
    blocked one needs, or all but the proof clients, which may wait for ever for an edge."""
    known = frozenset(entry.service_name for entry in expected)
    needed = [frozenset(need.service_name for need in entry.needs) for entry in blocked]
    sets = [known, planned(expected), *(names for names in needed if names <= known)]
    return tuple(dict.fromkeys(sets))


def planned(expected: Iterable[Expected]) -> frozenset[str]:
    """The services without the proof clients."""
    names = (entry.service_name for entry in expected)
    return frozenset(name for name in names if not name.startswith(naming.PROOF_PREFIX))


def awaited(
    expected: Sequence[Expected],
    blocked: Iterable[Blocked],
    clients: Iterable[ProofClient],
    services: Services,
    running: Tasks,
    task_events: TaskEvents,
) -> Awaited:
    """The events to wait for. A proof client's task counts once it has called each edge."""
    tasks = missing_tasks(expected, services)
    for client in clients:
        name = client.service.service_name
        task = next(iter(running.get(name, ())), None)
        if any(each.state is State.PENDING for each in mesh.read_edges(client, task)):
            tasks[name] = 1
    return Awaited(
        tasks,
        condition_sets(expected, blocked),
        counted(Purpose.SERVICES, task_events),
    )


def went_wrong(expected: Iterable[Expected], services: Services) -> bool:
    """Whether a service is no longer active, has another deployment, or has failed tasks."""
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
    """Whether ECS counts fewer running tasks of a service than events reported, or does not know
    the service yet (W01, S18).

    Such counts must not be used: events that have already arrived are not awaited again."""
    reported = Counter(
        task_events[task_id].service for task_id in counted(Purpose.SERVICES, task_events)
    )
    missing = missing_tasks(expected, services)
    return any(
        (service["desiredCount"] - short if (service := services.get(name)) else 0) < reported[name]
        for name, short in missing.items()
    )


def lags_behind(task_events: TaskEvents, running: Tasks) -> bool:
    """Whether a read task is older than an event: its `version` is lower (W01)."""
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
