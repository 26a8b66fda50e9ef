"""Delete services: requests all deletions, clients first, and waits for none.

Repeating it is safe: draining services are left to drain, and deleted ones noted as gone (D04,
D05). Tasks that still run long after their service's deletion are stopped (D06, D07).
"""

from __future__ import annotations

from typing import Any

from bivouac import clock
from bivouac.aws import clients, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.deletion import remaining
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.observability import Event, step
from bivouac.services.observation import tasks_by_service
from bivouac.stack import held

TASKS_STOP_WITHIN_SECONDS = 240
"""ECS stops a deleted service's tasks by itself within their stop timeout, at most 120 s."""


def delete_services(deletion: Deletion, namespace_id: str | None, client: ECSClient) -> Event:
    """The step's answer, with the `names` to wait for and the namespace that they are in.

    ListServices hides DRAINING services, so those known by name are described too (S02)."""
    planned = [service.service_name for service in deletion.blueprint.services]
    earlier = [
        item.name for item in deletion.before if item.kind == ItemKind.SERVICE and item.is_one
    ]
    cluster = deletion.blueprint.cluster["clusterName"]
    services: dict[str, dict[str, Any]] = {}
    with deletion.listing(ItemKind.SERVICE, f"all of {cluster}"):
        listed = remaining.listed_services(client, cluster)
        names = [*planned, *listed, *earlier]
        services = remaining.services(client, cluster, names)
        # The blueprint lists servers before their clients, and clients go first (D14)
        for name in reversed(dict.fromkeys(names)):
            with deletion.attempt(ItemKind.SERVICE, name):
                _delete(deletion, cluster, name, services.get(name), client)
    going = [item.name for item in deletion.now if item.outcome is Outcome.IN_PROGRESS]
    if going and deletion.waited_seconds > TASKS_STOP_WITHIN_SECONDS:
        with deletion.listing(ItemKind.TASK, f"all of {cluster}"):
            _stop_tasks(deletion, cluster, going, client)
    found = (ecs_answers.namespace_id(services[name]) for name in going)
    return deletion.answer() | {
        "names": going,
        "namespaceId": next(filter(None, found), namespace_id),
    }


def _delete(
    deletion: Deletion,
    cluster: str,
    name: str,
    service: dict[str, Any] | None,
    client: ECSClient,
) -> None:
    if service is None:
        deletion.note(ItemKind.SERVICE, name, Outcome.ALREADY_GONE)
        return
    if not deletion.owned(from_ecs_tags(service.get("tags"))):
        deletion.retain(ItemKind.SERVICE, name)
        return
    if ecs_answers.is_draining(service):
        deletion.note(ItemKind.SERVICE, name, Outcome.IN_PROGRESS, remaining.draining(service))
    elif ecs.delete_service(client, cluster, name):
        deletion.note(ItemKind.SERVICE, name, Outcome.IN_PROGRESS, remaining.stopping(service))
    else:
        deletion.note(ItemKind.SERVICE, name, Outcome.ALREADY_GONE)


def _stop_tasks(deletion: Deletion, cluster: str, names: list[str], client: ECSClient) -> None:
    """Nothing restarts them, because their services, which are ours, are deleted (D07)."""
    running = tasks_by_service(client, cluster, "RUNNING")
    stopping = tasks_by_service(client, cluster, "STOPPED")
    for name in names:
        for task in (*running.get(name, ()), *stopping.get(name, ())):
            if ecs_answers.is_stopped(task):
                continue
            arn = task["taskArn"]
            with deletion.attempt(ItemKind.TASK, arn):
                ecs.stop_task(client, cluster, arn)


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event), event, clock.now())
    return delete_services(deletion, event["namespaceId"], clients.ecs())
