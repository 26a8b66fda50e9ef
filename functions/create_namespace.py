"""Create namespace: the Cloud Map HTTP namespace; the wait polls its operation (N03, N04).

Repeating it is safe: an existing namespace of ours is used, and with CreatorRequestId a repeated
call returns the operation that it started (N01, N02).
"""

from __future__ import annotations

from bivouac.aws import clients, cloudmap
from bivouac.aws.client_types import ServiceDiscoveryClient
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, cloud_map_tags
from bivouac.observability import Event, step
from bivouac.stack import held


def create_namespace(
    blueprint: Blueprint, generation: int, client: ServiceDiscoveryClient
) -> Event:
    """`arn` of the namespace if it exists, otherwise the `operationId` that creates it.

    `adopted`: an earlier call began to create it; who owns it shows once it exists."""
    if found := cloudmap.find_own_namespace(client, blueprint):
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
    return create_namespace(held(event).planned, event["generation"], clients.servicediscovery())
