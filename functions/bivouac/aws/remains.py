"""What is still there of a cluster that may be gone: then nothing is, and no error is due (C07)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from bivouac.aws import ecs
from bivouac.aws.faults import code_of
from bivouac.aws.observation import Tasks, tasks_by_service
from bivouac.errors import RefusedByAwsError

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient


class _ClusterGoneError(Exception):
    """The cluster is INACTIVE or missing, and with it everything that was in it."""


@contextmanager
def _cluster_may_be_gone() -> Iterator[None]:
    try:
        yield
    except RefusedByAwsError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and code_of(cause) == "ClusterNotFoundException":
            raise _ClusterGoneError from error
        raise


def listed_services(client: ECSClient, cluster: str) -> list[str]:
    """Names of the services that ListServices shows: it hides those that drain (S02)."""
    try:
        with _cluster_may_be_gone():
            return ecs.list_services(client, cluster)
    except _ClusterGoneError:
        return []


def services(client: ECSClient, cluster: str, names: Iterable[str]) -> dict[str, ecs.Described]:
    """The services that are not gone, by name, with tags: INACTIVE and MISSING are gone (D05)."""
    try:
        with _cluster_may_be_gone():
            found = ecs.describe_services(client, cluster, names)
    except _ClusterGoneError:
        return {}
    return {name: found for name, found in found.items() if found["status"] != "INACTIVE"}


def tasks_left(
    client: ECSClient, cluster: str, found: Mapping[str, ecs.Described]
) -> dict[str, int]:
    """By service, of those found: how many of its tasks have not come to their end."""
    if not found:
        return {}
    try:
        with _cluster_may_be_gone():
            running = tasks_by_service(client, cluster, "RUNNING")
    except _ClusterGoneError:
        return {}
    stopping = stopping_tasks(client, cluster)
    left = {
        name: max(
            len(running.get(name, ())) + len(stopping.get(name, ())),
            service["runningCount"] + service["pendingCount"],
        )
        for name, service in found.items()
    }
    return {name: count for name, count in left.items() if count}


def stopping_tasks(client: ECSClient, cluster: str) -> Tasks:
    """By service: tasks that were told to stop and have not come to their end."""
    try:
        with _cluster_may_be_gone():
            told = tasks_by_service(client, cluster, "STOPPED")
    except _ClusterGoneError:
        return {}
    going = {
        service: [task for task in tasks if task["lastStatus"] != "STOPPED"]
        for service, tasks in told.items()
    }
    return {service: tasks for service, tasks in going.items() if tasks}
