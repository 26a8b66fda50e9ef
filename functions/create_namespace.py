"""Create namespace: the Cloud Map HTTP namespace; who waits follows its operation (N03, N04).

Repeating it is safe: an existing namespace of ours is used, and CreatorRequestId makes a call that
is sent again answer with the operation that it started (N01, N02).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bivouac.aws import clients, cloudmap
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, cloud_map_tags
from bivouac.environment.ownership import require_owned
from bivouac.observability import Event, step
from bivouac.services.create_first import created
from bivouac.stack import held

if TYPE_CHECKING:
    from types_boto3_servicediscovery import ServiceDiscoveryClient


def create_namespace(
    blueprint: Blueprint, generation: int, client: ServiceDiscoveryClient, look: bool = True
) -> Event:
    """`arn` of the namespace where it is there, else the `operationId` that makes it.

    `adopted`: somebody began to make it before, whose it is shows once it is there. Without a
    `look` it is taken not to be there."""
    found = cloudmap.find_namespace(client, blueprint.namespace) if look else None
    if found:
        require_owned(
            f"the namespace {found.name} ({found.id})",
            cloudmap.tags_of(client, found.arn),
            blueprint.stack,
            blueprint.environment,
        )
        return {"arn": found.arn, "operationId": None, "adopted": False}
    creation = cloudmap.create_namespace(
        client,
        blueprint.namespace,
        naming.token("namespace", blueprint.stack, blueprint.environment, generation),
        f"Bivouac environment {blueprint.environment}",
        cloud_map_tags(blueprint.ownership_tags),
    )
    return {"arn": None, "operationId": creation.operation_id, "adopted": creation.begun_before}


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return created(
        lambda look: create_namespace(
            blueprint, event["generation"], clients.servicediscovery(), look
        ),
        fresh=event["fresh"],
    )
