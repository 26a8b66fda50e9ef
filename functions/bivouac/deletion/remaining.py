"""Reads what is left in a cluster. If the cluster is gone, that is nothing, and no error (C07)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bivouac.aws import ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.aws.errors import cluster_is_missing
from bivouac.environment.blueprint import Blueprint
from bivouac.errors import RefusedByAwsError
from bivouac.json_types import Json
from bivouac.services.deployments import Tasks
from bivouac.services.observation import tasks_by_service


@contextmanager
def _cluster_may_be_gone() -> Iterator[None]:
    """Ends the block if the cluster is INACTIVE or missing, with everything that was in it."""
    try:
        yield
    except RefusedByAwsError as error:
        if not cluster_is_missing(error):
            raise


def service_names(
    client: ECSClient, blueprint: Blueprint, earlier: Iterable[str] = ()
) -> list[str]:
    """Servers before their clients, as the blueprint lists them; then the others in its cluster.

    ListServices hides draining ones, so those known by name (`earlier`) are included too (S02)."""
    listed: list[str] = []
    with _cluster_may_be_gone():
        listed = ecs.list_services(client, blueprint.cluster["clusterName"])
    planned = (service.service_name for service in blueprint.services)
    return list(dict.fromkeys((*planned, *listed, *earlier)))


def services(client: ECSClient, cluster: str, names: Iterable[str]) -> dict[str, Json]:
    """The services that are not gone, by name, with tags. INACTIVE and MISSING mean gone (D05)."""
    with _cluster_may_be_gone():
        found = ecs.describe_services(client, cluster, names)
        return {name: each for name, each in found.items() if not ecs_answers.is_gone(each)}
    return {}


@dataclass(frozen=True)
class TasksLeft:
    """The number of tasks that have not stopped yet, by service."""

    listed: Mapping[str, int]
    counted: Mapping[str, int]
    """As ECS counts them in its services: read a moment earlier, so a task may have stopped
    since."""

    def __bool__(self) -> bool:
        return bool(self.listed or self.counted)

    @property
    def certain(self) -> bool:
        """Whether every counted task is listed."""
        return all(count <= self.listed.get(name, 0) for name, count in self.counted.items())

    @property
    def most(self) -> dict[str, int]:
        names = dict.fromkeys((*self.listed, *self.counted))
        return {name: max(self.listed.get(name, 0), self.counted.get(name, 0)) for name in names}


def tasks_left(client: ECSClient, cluster: str, found: Mapping[str, Json]) -> TasksLeft:
    """For the services found."""
    counted = {
        name: each.get("runningCount", 0) + each.get("pendingCount", 0)
        for name, each in found.items()
    }
    with _cluster_may_be_gone():
        unstopped = unstopped_tasks(client, cluster) if found else {}
        listed = {name: len(unstopped.get(name, ())) for name in found}
        return TasksLeft(_some(listed), _some(counted))
    return TasksLeft({}, {})


def unstopped_tasks(client: ECSClient, cluster: str) -> dict[str, list[str]]:
    """By service: the ARNs of the tasks that have not stopped yet.

    A task that begins to stop between the two lists is in both, but here once."""
    running = tasks_by_service(client, cluster, "RUNNING")
    stopping = tasks_by_service(client, cluster, "STOPPED")
    arns: dict[str, dict[str, None]] = defaultdict(dict)
    for service, tasks in (*running.items(), *stopping.items()):
        left = (task["taskArn"] for task in tasks if not ecs_answers.is_stopped(task))
        arns[service] |= dict.fromkeys(left)
    return {service: list(each) for service, each in arns.items()}


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def stopping_tasks(client: ECSClient, cluster: str) -> Tasks:
    """By service: tasks that were told to stop and have not stopped yet."""
    with _cluster_may_be_gone():
        stopping = {
            service: [task for task in tasks if not ecs_answers.is_stopped(task)]
            for service, tasks in tasks_by_service(client, cluster, "STOPPED").items()
        }
        return {service: tasks for service, tasks in stopping.items() if tasks}
    return {}


def stopping(service: Json) -> str:
    """What becomes of a service that was just deleted; its counts are from before."""
    left = service["runningCount"] + service["pendingCount"]
    return f"its {left} tasks are stopping" if left else "it had no tasks; ECS is removing it"


def draining(service: Json) -> str:
    """What becomes of a draining one; reportedly, it can take days (aws/aws-cli#1334)."""
    left = service["runningCount"] + service["pendingCount"]
    if left:
        return f"it is DRAINING, and {left} of its tasks have not stopped yet"
    return "it is DRAINING without any tasks: ECS has not removed it yet"
