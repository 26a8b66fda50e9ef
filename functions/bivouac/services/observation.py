"""Reads the tasks of an environment's services, in as few calls as the API allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from bivouac.aws import ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.json_types import Described, Json
from bivouac.services.deployments import Expected, Observed, Services, Tasks, primary_deployment


def observed(
    client: ECSClient,
    cluster: str,
    expected: Sequence[Expected],
    services: Services,
    running: Tasks,
) -> dict[str, Observed]:
    """Each expected service with its running tasks, and the stopped ones if they may show a cause.

    The cluster is the environment's own, so one list of tasks serves all services."""
    in_trouble = any(
        _in_trouble(entry, services.get(entry.service_name), running.get(entry.service_name, ()))
        for entry in expected
    )
    stopped = tasks_by_service(client, cluster, "STOPPED") if in_trouble else {}
    return {
        entry.service_name: Observed(
            services.get(entry.service_name),
            tuple(running.get(entry.service_name, ())),
            tuple(stopped.get(entry.service_name, ())),
        )
        for entry in expected
    }


def with_stopped(
    client: ECSClient, cluster: str, expected: Sequence[Expected]
) -> dict[str, Observed]:
    """Each expected service with all its tasks that ECS still shows."""
    services = ecs.describe_services(client, cluster, [each.service_name for each in expected])
    running = tasks_by_service(client, cluster, "RUNNING")
    stopped = tasks_by_service(client, cluster, "STOPPED")
    return {
        name: Observed(service, tuple(running.get(name, ())), tuple(stopped.get(name, ())))
        for name, service in services.items()
    }


def _in_trouble(entry: Expected, service: Described | None, running: Sequence[Described]) -> bool:
    """Whether tasks of the deployment are missing (those of the previous one may still run), tasks
    are unhealthy, or ECS gave up on the deployment (H02, H03)."""
    if service is None or not ecs_answers.is_active(service):
        return False
    primary = primary_deployment(service) or {}
    ours = [task for task in running if task.get("startedBy") == entry.deployment_id]
    return (
        primary.get("id") != entry.deployment_id
        or ecs_answers.rollout_failed(primary)
        or len(ours) < service["desiredCount"]
        or any(
            not ecs_answers.is_running(task) or ecs_answers.is_unhealthy(task) for task in running
        )
    )


def tasks_by_service(
    client: ECSClient, cluster: str, desired_status: Literal["RUNNING", "STOPPED"]
) -> dict[str, list[Json]]:
    arns = ecs.list_tasks(client, cluster, desired_status)
    tasks: dict[str, list[Json]] = defaultdict(list)
    for task in ecs.describe_tasks(client, cluster, arns):
        tasks[ecs_answers.service_of(task)].append(task)
    return tasks
