"""The Cloud Map services in an environment's namespace, which ECS makes, and removes with its own
services, or leaves there (D09 to D12, N11 to N14)."""

from __future__ import annotations

from bivouac.aws import cloudmap, cloudmap_answers
from bivouac.aws.client_types import ServiceDiscoveryClient
from bivouac.aws.cloudmap import Removal
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion

SERVICE = ItemKind.CLOUD_MAP_SERVICE
_NOTED = {
    Removal.ALREADY_GONE: (Outcome.ALREADY_GONE, ""),
    Removal.IN_USE: (Outcome.IN_PROGRESS, "its instances are being removed"),
    Removal.ACCEPTED: (Outcome.DELETED, ""),
}
"""What an answer to the deletion of a Cloud Map service means for it."""


def note_removed(deletion: Deletion) -> None:
    """Those that ECS removed together with its services."""
    for service in deletion.blueprint.services:
        for endpoint in service.endpoints:
            deletion.note(SERVICE, endpoint.discovery_name, Outcome.ALREADY_GONE)


def delete_left(
    deletion: Deletion, namespace_id: str, client: ServiceDiscoveryClient
) -> tuple[Outcome, str]:
    """Deletes what ECS has left after a while, instances first. What that means for the namespace:
    an outcome and its reason."""
    for service in cloudmap.list_services(client, namespace_id):
        name = service["Name"]
        with deletion.attempt(SERVICE, name):
            tags = cloudmap.tags_of(client, service["Arn"])
            ecs_made_it = cloudmap_answers.is_made_by_ecs(tags)
            if ecs_made_it and deletion.waited_seconds < ECS_REMOVES_WITHIN_SECONDS:
                deletion.note(SERVICE, name, Outcome.IN_PROGRESS, "ECS removes it")
            elif ecs_made_it or deletion.may_delete(SERVICE, name, tags):
                removal = cloudmap.delete_service(client, service["Id"], name)
                deletion.note(SERVICE, name, *_NOTED[removal])
    kept = (Outcome.RETAINED, Outcome.FAILED)
    stuck = [item.name for item in deletion.now if item.kind == SERVICE and item.outcome in kept]
    if stuck:
        reason = f"it has Cloud Map services that are not deleted: {', '.join(stuck)}"
        return Outcome.FAILED, reason
    return Outcome.IN_PROGRESS, "it still has Cloud Map services"
