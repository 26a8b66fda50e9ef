"""Delete cluster: once its services are gone; stray tasks are stopped (C10, C11, D07).

Tries to delete it, and inspects it only if ECS refuses. Repeating it is safe: an INACTIVE or
missing cluster is gone (C06, C13).
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients, ecs
from bivouac.aws.client_types import ECSClient
from bivouac.aws.ecs import ClusterDeletion
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.observability import Event, step
from bivouac.stack import held

_NOTED = {
    ClusterDeletion.HAS_SERVICES: (Outcome.IN_PROGRESS, "services are still draining"),
    ClusterDeletion.HAS_TASKS: (Outcome.IN_PROGRESS, "tasks are still stopping"),
    ClusterDeletion.CHANGING: (Outcome.IN_PROGRESS, "its attachments are changing"),
    ClusterDeletion.ALREADY_GONE: (Outcome.ALREADY_GONE, ""),
    ClusterDeletion.DELETED: (Outcome.DELETED, ""),
}


def delete_cluster(deletion: Deletion, client: ECSClient) -> Event:
    name = deletion.blueprint.cluster["clusterName"]
    with deletion.listing(ItemKind.CLUSTER, name):
        cluster = ecs.describe_cluster(client, name)
        tags = from_ecs_tags(cluster.get("tags")) if cluster else None
        if deletion.may_delete(ItemKind.CLUSTER, name, tags):
            _delete(deletion, name, client)
    return deletion.answer()


def _delete(deletion: Deletion, name: str, client: ECSClient) -> None:
    answer = ecs.delete_cluster(client, name)
    in_use = answer in (ClusterDeletion.HAS_SERVICES, ClusterDeletion.HAS_TASKS)
    if in_use and (standing := ecs.list_services(client, name)):
        # They are not ours or cannot be deleted: their tasks are left alone, and no waiting helps
        reason = f"it has services that are not being deleted: {', '.join(standing)}"
        deletion.note(ItemKind.CLUSTER, name, Outcome.FAILED, reason)
        return
    deletion.note(ItemKind.CLUSTER, name, *_NOTED[answer])
    if answer is ClusterDeletion.HAS_TASKS:
        # Its services are gone, so nothing restarts them (D07)
        for arn in ecs.list_tasks(client, name, "RUNNING"):
            with deletion.attempt(ItemKind.STRAY_TASK, arn):
                ecs.stop_task(client, name, arn)
                deletion.note(ItemKind.STRAY_TASK, arn, Outcome.IN_PROGRESS, "it is stopping")


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event).planned, event, clock.now())
    return delete_cluster(deletion, clients.ecs())
