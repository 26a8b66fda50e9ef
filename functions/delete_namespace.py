"""Delete namespace: ECS removes its Cloud Map services but never the namespace.

What ECS left is removed after a while, instances first, each operation followed to its end
(D09 to D12, N11 to N14). Repeating it is safe; nothing outside our own namespace is looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bivouac import pace
from bivouac.aws import clients, cloudmap
from bivouac.aws.faults import duplicate_operation, translated
from bivouac.aws.holding import held
from bivouac.deletion import Deletion
from bivouac.observability import Event, step
from bivouac.receipt import Outcome

if TYPE_CHECKING:
    from types_boto3_servicediscovery import ServiceDiscoveryClient

KIND = "namespace"
SERVICE_KIND = "Cloud Map service"
ECS_TAG = "AmazonECSManaged"
ECS_REMOVES_WITHIN_SECONDS = 60
"""How long ECS may take to remove its own Cloud Map services before we do (D09)."""


def delete_namespace(
    deletion: Deletion, operation_id: str | None, client: ServiceDiscoveryClient
) -> Event:
    """The step's answer, with the operation to look at next time.

    A running operation is looked at instead of asking again: once the namespace is gone, a role
    that is bound to its tags is denied, not told that it is gone (AccessDenied instead of N12)."""
    name = deletion.blueprint.namespace
    with deletion.looking(KIND, name):
        if operation_id and _runs(deletion, name, operation_id, client):
            return deletion.answer() | {"operationId": operation_id}
        operation_id = None
        namespace = cloudmap.find_namespace(client, name)
        if namespace is None:
            deletion.note(KIND, name, Outcome.ALREADY_GONE)
            _note_removed(deletion, ())
        elif not deletion.owned(cloudmap.tags_of(client, namespace.arn)):
            deletion.retain(KIND, name)
        elif _empty(deletion, namespace.id, client):
            operation_id = _delete(deletion, namespace, client)
        elif stuck := _stuck(deletion):
            reason = f"it holds Cloud Map services that stay: {', '.join(stuck)}"
            deletion.note(KIND, name, Outcome.FAILED, reason)
        else:
            deletion.note(KIND, name, Outcome.IN_PROGRESS, "it still has Cloud Map services")
    return deletion.answer() | {"operationId": operation_id}


def _runs(deletion: Deletion, name: str, operation_id: str, client: ServiceDiscoveryClient) -> bool:
    """Whether the operation is still under way; what came of it is seen by looking (N05, N14)."""
    operation = cloudmap.get_operation(client, operation_id)
    if operation is None or operation["Status"] in ("SUCCESS", "FAIL"):
        return False
    deletion.note(KIND, name, Outcome.IN_PROGRESS, "Cloud Map is deleting it")
    return True


def _stuck(deletion: Deletion) -> list[str]:
    """Cloud Map services that no waiting removes."""
    return [
        item.name
        for item in deletion.now
        if item.kind == SERVICE_KIND and item.outcome in (Outcome.RETAINED, Outcome.FAILED)
    ]


def _empty(deletion: Deletion, namespace_id: str, client: ServiceDiscoveryClient) -> bool:
    services = cloudmap.list_services(client, namespace_id)
    for service in services:
        name = service["Name"]
        with deletion.attempt(SERVICE_KIND, name):
            tags = cloudmap.tags_of(client, service["Arn"])
            if ECS_TAG not in tags and not deletion.owned(tags):
                deletion.retain(SERVICE_KIND, name)
            elif ECS_TAG in tags and deletion.waited_seconds < ECS_REMOVES_WITHIN_SECONDS:
                deletion.note(SERVICE_KIND, name, Outcome.IN_PROGRESS, "ECS removes it")
            else:
                _delete_service(deletion, service, name, client)
    _note_removed(deletion, [service["Name"] for service in services])
    return not services


def _note_removed(deletion: Deletion, left: Collection[str]) -> None:
    """ECS removes the Cloud Map services of a deleted service by itself, mostly before we look."""
    for service in deletion.blueprint.services:
        for endpoint in service.endpoints:
            if endpoint.discovery_name not in left:
                deletion.note(SERVICE_KIND, endpoint.discovery_name, Outcome.ALREADY_GONE)


def _delete_service(
    deletion: Deletion, service: dict[str, Any], name: str, client: ServiceDiscoveryClient
) -> None:
    with translated(f"Cloud Map service {name}"):
        for instance in cloudmap.list_instances(client, service["Id"]):
            try:
                client.deregister_instance(ServiceId=service["Id"], InstanceId=instance["Id"])
            except (client.exceptions.InstanceNotFound, client.exceptions.DuplicateRequest):
                continue
        try:
            client.delete_service(Id=service["Id"])
        except client.exceptions.ServiceNotFound:
            deletion.note(SERVICE_KIND, name, Outcome.ALREADY_GONE)
        except client.exceptions.ResourceInUse:
            deletion.note(SERVICE_KIND, name, Outcome.IN_PROGRESS, "its instances are going")
        else:
            deletion.note(SERVICE_KIND, name, Outcome.DELETED)


def _delete(
    deletion: Deletion, namespace: cloudmap.Namespace, client: ServiceDiscoveryClient
) -> str | None:
    """The operation that deletes the namespace; None where there is none to follow."""
    reason, operation = "Cloud Map is deleting it", None
    with translated(f"namespace {namespace.name}"):
        try:
            operation = client.delete_namespace(Id=namespace.id)["OperationId"]
        except client.exceptions.NamespaceNotFound:
            deletion.note(KIND, namespace.name, Outcome.ALREADY_GONE)
            return None
        except client.exceptions.DuplicateRequest as error:
            operation = duplicate_operation(error)
        except client.exceptions.ResourceInUse:
            reason = "it is still in use"
    deletion.note(KIND, namespace.name, Outcome.IN_PROGRESS, reason)
    return operation


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event), event, datetime.now(UTC), pace.OPERATION)
    return delete_namespace(deletion, event["operationId"], clients.servicediscovery())
