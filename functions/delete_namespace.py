"""Delete namespace: ECS removes its Cloud Map services but never the namespace.

Tries to delete it, and inspects it only if Cloud Map refuses: what ECS has left is removed after a
while, instances first (D09 to D12, N11 to N14). Repeating it is safe; only our own namespace is
touched.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients, cloudmap
from bivouac.aws.client_types import ServiceDiscoveryClient
from bivouac.aws.cloudmap import Namespace, Removal
from bivouac.deletion import cloud_map_services
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.observability import Event, step
from bivouac.stack import held

NAMESPACE = ItemKind.NAMESPACE


def delete_namespace(
    deletion: Deletion, made_arn: str | None, client: ServiceDiscoveryClient
) -> Event:
    """The step's answer, with the operation to poll, if there is one.

    `made_arn`: of our namespace according to the record, None if that is not reliable. It need not
    be searched for, because its id is never reused."""
    name = deletion.blueprint.namespace
    operation_id = None
    with deletion.listing(NAMESPACE, name):
        if made_arn and not deletion.before:
            operation_id = _delete(deletion, Namespace.of(made_arn, name), client)
        elif found := cloudmap.find_namespace(client, name):
            if deletion.may_delete(NAMESPACE, name, cloudmap.tags_of(client, found.arn)):
                operation_id = _delete(deletion, found, client)
        else:
            deletion.note(NAMESPACE, name, Outcome.ALREADY_GONE)
            cloud_map_services.note_removed(deletion)
    return deletion.answer() | {"operationId": operation_id}


def _delete(deletion: Deletion, namespace: Namespace, client: ServiceDiscoveryClient) -> str | None:
    """The operation that deletes the namespace; None if there is none to poll."""
    removal, operation_id = cloudmap.delete_namespace(client, namespace)
    outcome, reason = Outcome.IN_PROGRESS, "Cloud Map is deleting it"
    if removal is Removal.IN_USE:
        outcome, reason = cloud_map_services.delete_left(deletion, namespace.id, client)
    else:
        cloud_map_services.note_removed(deletion)
    if removal is Removal.ALREADY_GONE:
        outcome, reason = Outcome.ALREADY_GONE, ""
    deletion.note(NAMESPACE, namespace.name, outcome, reason)
    return operation_id


@step
def handler(event: Event) -> Event:
    record = held(event)
    deletion = Deletion.from_event(record.planned, event, clock.now())
    made_arn = record.namespace_arn if event["recorded"] else None
    return delete_namespace(deletion, made_arn, clients.servicediscovery())
