"""Reads what is left in a cluster. If the cluster is gone, that is nothing, and no error (C07)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bivouac.aws import ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.aws.errors import cluster_is_missing
from bivouac.errors import RefusedByAwsError
from bivouac.json_types import Json
from bivouac.services.observation import Tasks, tasks_by_service


class _ClusterGoneError(Exception):
    """The cluster is INACTIVE or missing, with everything that was in it."""


@contextmanager
def _cluster_may_be_gone() -> Iterator[None]:
    try:
        yield
    except RefusedByAwsError as error:
        if cluster_is_missing(error):
            raise _ClusterGoneError from error
        raise


def listed_services(client: ECSClient, cluster: str) -> list[str]:
    """Names of the services that ListServices shows: it hides draining ones (S02)."""
    try:
        with _cluster_may_be_gone():
            return ecs.list_services(client, cluster)
    except _ClusterGoneError:
        return []


def services(client: ECSClient, cluster: str, names: Iterable[str]) -> dict[str, Json]:
    """The services that are not gone, by name, with tags. INACTIVE and MISSING mean gone (D05)."""
    try:
        with _cluster_may_be_gone():
            found = ecs.describe_services(client, cluster, names)
    except _ClusterGoneError:
        return {}
    return {name: each for name, each in found.items() if not ecs_answers.is_gone(each)}


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
    """For the services found. A task that begins to stop between the two lists is in both, but
    counts once."""
    counted = {
        name: each.get("runningCount", 0) + each.get("pendingCount", 0)
        for name, each in found.items()
    }
    if not found:
        return TasksLeft({}, {})
    try:
        with _cluster_may_be_gone():
            running = tasks_by_service(client, cluster, "RUNNING")
    except _ClusterGoneError:
        return TasksLeft({}, {})
    stopping = stopping_tasks(client, cluster)
    listed = {
        name: len({each["taskArn"] for each in (*running.get(name, ()), *stopping.get(name, ()))})
        for name in found
    }
    return TasksLeft(_some(listed), _some(counted))


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def stopping_tasks(client: ECSClient, cluster: str) -> Tasks:
    """By service: tasks that were told to stop and have not stopped yet."""
    try:
        with _cluster_may_be_gone():
            found = tasks_by_service(client, cluster, "STOPPED")
    except _ClusterGoneError:
        return {}
    stopping = {
        service: [task for task in tasks if not ecs_answers.is_stopped(task)]
        for service, tasks in found.items()
    }
    return {service: tasks for service, tasks in stopping.items() if tasks}


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
