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


def delete_cluster(deletion: Deletion, client: ECSClient) -> Event:
    name = deletion.blueprint.cluster["clusterName"]
    with deletion.listing(ItemKind.CLUSTER, name):
        cluster = ecs.describe_cluster(client, name)
        if cluster is None:
            deletion.note(ItemKind.CLUSTER, name, Outcome.ALREADY_GONE)
        elif not deletion.owned(from_ecs_tags(cluster.get("tags"))):
            deletion.retain(ItemKind.CLUSTER, name)
        else:
            _delete(deletion, name, client)
    return deletion.answer()


def _delete(deletion: Deletion, name: str, client: ECSClient) -> None:
    match ecs.delete_cluster(client, name):
        case ClusterDeletion.HAS_SERVICES:
            _note_kept(deletion, name, "services are still draining", client)
        case ClusterDeletion.HAS_TASKS:
            if _note_kept(deletion, name, "tasks are still stopping", client):
                _stop_tasks(deletion, name, client)
        case ClusterDeletion.CHANGING:
            deletion.note(
                ItemKind.CLUSTER, name, Outcome.IN_PROGRESS, "its attachments are changing"
            )
        case ClusterDeletion.ALREADY_GONE:
            deletion.note(ItemKind.CLUSTER, name, Outcome.ALREADY_GONE)
        case ClusterDeletion.DELETED:
            deletion.note(ItemKind.CLUSTER, name, Outcome.DELETED)


def _note_kept(deletion: Deletion, name: str, waits_for: str, client: ECSClient) -> bool:
    """Whether waiting helps: a service that is not being deleted is not ours or cannot be deleted,
    and its tasks are left alone."""
    if standing := ecs.list_services(client, name):
        reason = f"it has services that are not being deleted: {', '.join(standing)}"
        deletion.note(ItemKind.CLUSTER, name, Outcome.FAILED, reason)
        return False
    deletion.note(ItemKind.CLUSTER, name, Outcome.IN_PROGRESS, waits_for)
    return True


def _stop_tasks(deletion: Deletion, cluster: str, client: ECSClient) -> None:
    """Stops tasks in our own cluster once its services are gone: nothing restarts them (D07)."""
    for arn in ecs.list_tasks(client, cluster, "RUNNING"):
        with deletion.attempt(ItemKind.STRAY_TASK, arn):
            ecs.stop_task(client, cluster, arn)
            deletion.note(ItemKind.STRAY_TASK, arn, Outcome.IN_PROGRESS, "it is stopping")


@step
def handler(event: Event) -> Event:
    return delete_cluster(Deletion.from_event(held(event), event, clock.now()), clients.ecs())
