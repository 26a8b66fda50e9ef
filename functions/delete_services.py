"""Delete services: requests all deletions, clients first, and waits for none.

Repeating it is safe: draining services are left to drain, and deleted ones noted as gone (D04,
D05). Tasks that still run long after their service's deletion are stopped (D06, D07).
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.deletion import remaining
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.json_types import Json
from bivouac.observability import Event, step
from bivouac.stack import held

TASKS_STOP_WITHIN_SECONDS = 240
"""ECS stops a deleted service's tasks by itself within their stop timeout, at most 120 s."""


def delete_services(deletion: Deletion, namespace_id: str | None, client: ECSClient) -> Event:
    """The step's answer, with the `names` to wait for and the namespace that they are in."""
    earlier = [
        item.name for item in deletion.before if item.kind == ItemKind.SERVICE and not item.several
    ]
    cluster = deletion.blueprint.cluster["clusterName"]
    services: dict[str, Json] = {}
    with deletion.listing(ItemKind.SERVICE, f"all of {cluster}", several=True):
        names = remaining.service_names(client, deletion.blueprint, earlier)
        services = remaining.services(client, cluster, names)
        for name in reversed(names):  # clients before their servers (D14)
            with deletion.attempt(ItemKind.SERVICE, name):
                _delete(deletion, cluster, name, services.get(name, {}), client)
    going = [item.name for item in deletion.now if item.outcome is Outcome.IN_PROGRESS]
    if going and deletion.waited_seconds > TASKS_STOP_WITHIN_SECONDS:
        with deletion.listing(ItemKind.TASK, f"all of {cluster}", several=True):
            unstopped = remaining.unstopped_tasks(client, cluster)
            for arn in (arn for name in going for arn in unstopped.get(name, ())):
                with deletion.attempt(ItemKind.TASK, arn):
                    ecs.stop_task(client, cluster, arn)
    found = (ecs_answers.namespace_id(services[name]) for name in going)
    namespace_id = next(filter(None, found), namespace_id)
    return deletion.answer() | {"names": going, "namespaceId": namespace_id}


def _delete(deletion: Deletion, cluster: str, name: str, service: Json, client: ECSClient) -> None:
    """`service`: empty if it is gone."""
    tags = from_ecs_tags(service.get("tags")) if service else None
    if not deletion.may_delete(ItemKind.SERVICE, name, tags):
        return
    if ecs_answers.is_draining(service):
        deletion.note(ItemKind.SERVICE, name, Outcome.IN_PROGRESS, remaining.draining(service))
    elif ecs.delete_service(client, cluster, name):
        deletion.note(ItemKind.SERVICE, name, Outcome.IN_PROGRESS, remaining.stopping(service))
    else:
        deletion.note(ItemKind.SERVICE, name, Outcome.ALREADY_GONE)


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event).planned, event, clock.now())
    return delete_services(deletion, event["namespaceId"], clients.ecs())
