"""The tasks of an environment's services, in as few calls as the API allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from bivouac.aws import ecs
from bivouac.checks import Expected, Observed

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient

Tasks = Mapping[str, Sequence[ecs.Described]]
"""By service."""


def observed(
    client: ECSClient,
    cluster: str,
    expected: Sequence[Expected],
    services: Mapping[str, ecs.Described],
    running: Tasks,
) -> dict[str, Observed]:
    """Each expected service with its running tasks, and the stopped ones while tasks are missing.

    The cluster is the environment's own, so one list of tasks serves all services."""
    short = any(
        (service["status"] == "ACTIVE" and len(running.get(name, ())) < service["desiredCount"])
        or any(task["lastStatus"] != "RUNNING" for task in running.get(name, ()))
        for name, service in services.items()
    )
    stopped = tasks_by_service(client, cluster, "STOPPED") if short else {}
    return {
        entry.service_name: Observed(
            services.get(entry.service_name),
            tuple(running.get(entry.service_name, ())),
            tuple(stopped.get(entry.service_name, ())),
        )
        for entry in expected
    }


def tasks_by_service(
    client: ECSClient, cluster: str, desired_status: Literal["RUNNING", "STOPPED"]
) -> dict[str, list[ecs.Described]]:
    arns = ecs.list_tasks(client, cluster, desired_status)
    tasks: dict[str, list[ecs.Described]] = defaultdict(list)
    for task in ecs.describe_tasks(client, cluster, arns):
        tasks[task["group"].removeprefix("service:")].append(task)
    return tasks
