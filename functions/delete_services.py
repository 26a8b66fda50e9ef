"""Delete services: all deletions issued, clients first; done when each is INACTIVE or gone.

Repeating it is safe: what drains is looked at again, what is gone is noted as such (D04, D05).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bivouac import pace
from bivouac.aws import clients, ecs
from bivouac.aws.faults import translated
from bivouac.aws.holding import held
from bivouac.blueprint import from_ecs_tags
from bivouac.deletion import Deletion
from bivouac.observability import Event, step
from bivouac.receipt import Outcome

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient

KIND = "service"


def delete_services(deletion: Deletion, client: ECSClient) -> Event:
    """ListServices hides DRAINING services, so the planned names are described too (S02)."""
    planned = [service.service_name for service in deletion.blueprint.services]
    cluster = deletion.blueprint.cluster["clusterName"]
    with deletion.looking("services of cluster", cluster):
        found = ecs.describe_cluster(client, cluster)
        if found is None or not deletion.owned(from_ecs_tags(found.get("tags"))):
            for name in planned:
                deletion.note(KIND, name, Outcome.ALREADY_GONE)
            return deletion.answer()
        listed = ecs.list_services(client, cluster)
        services = ecs.describe_services(client, cluster, [*planned, *listed])
        for name in _clients_first([*planned, *listed]):
            with deletion.attempt(KIND, name):
                _delete(deletion, cluster, name, services.get(name), client)
    return deletion.answer()


def _clients_first(names: list[str]) -> list[str]:
    """Requests list servers before their clients, so the reverse order is the safe one (D14)."""
    return list(reversed(dict.fromkeys(names)))


def _delete(
    deletion: Deletion,
    cluster: str,
    name: str,
    service: dict[str, Any] | None,
    client: ECSClient,
) -> None:
    if service is None or service["status"] == "INACTIVE":
        deletion.note(KIND, name, Outcome.ALREADY_GONE)
    elif not deletion.owned(from_ecs_tags(service.get("tags"))):
        deletion.retain(KIND, name)
    elif service["status"] == "DRAINING":
        deletion.note(KIND, name, Outcome.IN_PROGRESS, "its tasks are stopping")
    else:
        with translated(f"service {name}"):
            client.delete_service(cluster=cluster, service=name, force=True)
        deletion.note(KIND, name, Outcome.IN_PROGRESS, "its tasks are stopping")


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event), event, datetime.now(UTC), pace.DRAIN)
    return delete_services(deletion, clients.ecs())
