"""Delete cluster: once its services are gone; stray tasks are stopped (C10, C11, D07).

It is asked for first and looked into only where ECS refuses. Repeating it is safe: an INACTIVE or
missing cluster is gone (C06, C13).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bivouac.aws import clients, ecs
from bivouac.aws.faults import translated
from bivouac.aws.holding import held
from bivouac.blueprint import from_ecs_tags
from bivouac.deletion import Deletion
from bivouac.observability import Event, step
from bivouac.receipt import Outcome

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient

KIND = "cluster"
TASK_KIND = "stray task"


def delete_cluster(deletion: Deletion, client: ECSClient) -> Event:
    name = deletion.blueprint.cluster["clusterName"]
    with deletion.looking(KIND, name):
        cluster = ecs.describe_cluster(client, name)
        if cluster is None:
            deletion.note(KIND, name, Outcome.ALREADY_GONE)
        elif not deletion.owned(from_ecs_tags(cluster.get("tags"))):
            deletion.retain(KIND, name)
        elif refusal := _refused(deletion, name, client):
            _look_into(deletion, name, refusal, client)
    return deletion.answer()


def _refused(deletion: Deletion, name: str, client: ECSClient) -> str:
    """Delete it, or say what ECS waits for."""
    waits_for = {
        client.exceptions.ClusterContainsServicesException: "services are still draining",
        client.exceptions.ClusterContainsTasksException: "tasks are still stopping",
        client.exceptions.UpdateInProgressException: "its attachments are changing",
    }
    with translated(f"cluster {name}"):
        try:
            client.delete_cluster(cluster=name)
        except tuple(waits_for) as error:
            return waits_for[type(error)]
        except client.exceptions.ClusterNotFoundException:
            deletion.note(KIND, name, Outcome.ALREADY_GONE)
        else:
            deletion.note(KIND, name, Outcome.DELETED)
    return ""


def _look_into(deletion: Deletion, name: str, refusal: str, client: ECSClient) -> None:
    if standing := ecs.list_services(client, name):
        # Not ours, or not to be deleted: its tasks are left alone, and waiting mends nothing.
        reason = f"it has services that are not being deleted: {', '.join(standing)}"
        deletion.note(KIND, name, Outcome.FAILED, reason)
        return
    deletion.note(KIND, name, Outcome.IN_PROGRESS, refusal)
    _stop_tasks(deletion, name, client)


def _stop_tasks(deletion: Deletion, cluster: str, client: ECSClient) -> None:
    """Tasks in our own cluster after its services are gone: nothing starts them again (D07)."""
    for arn in ecs.list_tasks(client, cluster, "RUNNING"):
        with deletion.attempt(TASK_KIND, arn), translated(f"task {arn}"):
            client.stop_task(cluster=cluster, task=arn, reason="The environment is deleted")
            deletion.note(TASK_KIND, arn, Outcome.IN_PROGRESS, "it is stopping")


@step
def handler(event: Event) -> Event:
    return delete_cluster(Deletion.from_event(held(event), event, datetime.now(UTC)), clients.ecs())
