"""Delete namespace: ECS removes its Cloud Map services but never the namespace.

Tries to delete it, and inspects it only if Cloud Map refuses: what ECS has left is removed after a
while, instances first (D09 to D12, N11 to N14). Repeating it is safe; only our own namespace is
touched.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients, cloudmap, cloudmap_answers
from bivouac.aws.client_types import ServiceDiscoveryClient
from bivouac.aws.cloudmap import Removal
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment.blueprint import Blueprint
from bivouac.observability import Event, step
from bivouac.stack import records

NAMESPACE, SERVICE = ItemKind.NAMESPACE, ItemKind.CLOUD_MAP_SERVICE
_NOTED = {
    Removal.ALREADY_GONE: (Outcome.ALREADY_GONE, ""),
    Removal.IN_USE: (Outcome.IN_PROGRESS, "its instances are being removed"),
    Removal.ACCEPTED: (Outcome.DELETED, ""),
}
"""What an answer to the deletion of a Cloud Map service means for it."""


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
            operation_id = _delete(deletion, cloudmap.Namespace.of(made_arn, name), client)
        elif (found := cloudmap.find_namespace(client, name)) is None:
            deletion.note(NAMESPACE, name, Outcome.ALREADY_GONE)
            _note_removed(deletion)
        elif not deletion.owned(cloudmap.tags_of(client, found.arn)):
            deletion.retain(NAMESPACE, name)
        else:
            operation_id = _delete(deletion, found, client)
    return deletion.answer() | {"operationId": operation_id}


def _note_removed(deletion: Deletion) -> None:
    """Notes the Cloud Map services that ECS removed together with its services."""
    for service in deletion.blueprint.services:
        for endpoint in service.endpoints:
            deletion.note(SERVICE, endpoint.discovery_name, Outcome.ALREADY_GONE)


def _delete(
    deletion: Deletion, namespace: cloudmap.Namespace, client: ServiceDiscoveryClient
) -> str | None:
    """The operation that deletes the namespace; None if there is none to poll."""
    removal, operation_id = cloudmap.delete_namespace(client, namespace)
    if removal is Removal.IN_USE:
        _remove_what_ecs_left(deletion, namespace, client)
        return operation_id
    if removal is Removal.ALREADY_GONE:
        deletion.note(NAMESPACE, namespace.name, Outcome.ALREADY_GONE)
    else:
        deletion.note(NAMESPACE, namespace.name, Outcome.IN_PROGRESS, "Cloud Map is deleting it")
    _note_removed(deletion)
    return operation_id


def _remove_what_ecs_left(
    deletion: Deletion, namespace: cloudmap.Namespace, client: ServiceDiscoveryClient
) -> None:
    for service in cloudmap.list_services(client, namespace.id):
        name = service["Name"]
        with deletion.attempt(SERVICE, name):
            tags = cloudmap.tags_of(client, service["Arn"])
            ecs_made_it = cloudmap_answers.is_made_by_ecs(tags)
            if not ecs_made_it and not deletion.owned(tags):
                deletion.retain(SERVICE, name)
            elif ecs_made_it and deletion.waited_seconds < ECS_REMOVES_WITHIN_SECONDS:
                deletion.note(SERVICE, name, Outcome.IN_PROGRESS, "ECS removes it")
            else:
                outcome, reason = _NOTED[cloudmap.delete_service(client, service["Id"], name)]
                deletion.note(SERVICE, name, outcome, reason)
    kept = (Outcome.RETAINED, Outcome.FAILED)
    stuck = [item.name for item in deletion.now if item.kind == SERVICE and item.outcome in kept]
    outcome, reason = Outcome.IN_PROGRESS, "it still has Cloud Map services"
    if stuck:
        outcome = Outcome.FAILED
        reason = f"it has Cloud Map services that are not deleted: {', '.join(stuck)}"
    deletion.note(NAMESPACE, namespace.name, outcome, reason)


@step
def handler(event: Event) -> Event:
    record = records().current(event["environment"], event["generation"])
    deletion = Deletion.from_event(Blueprint.from_json(record.content), event, clock.now())
    made_arn = record.namespace_arn if event["recorded"] else None
    return delete_namespace(deletion, made_arn, clients.servicediscovery())
