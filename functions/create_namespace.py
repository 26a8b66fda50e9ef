"""Create namespace: the Cloud Map HTTP namespace; who waits follows its operation (N03, N04).

Repeating it is safe: an existing namespace of ours is used, and CreatorRequestId makes a call that
is sent again answer with the operation that it started (N01, N02).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bivouac.aws import clients, cloudmap
from bivouac.aws.errors import duplicate_operation, translated
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, cloud_map_tags
from bivouac.environment.ownership import require_owned
from bivouac.errors import NotYetConsistentError
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
    with translated(f"namespace {blueprint.namespace}"):
        try:
            answer = client.create_http_namespace(
                Name=blueprint.namespace,
                CreatorRequestId=naming.token(
                    "namespace", blueprint.stack, blueprint.environment, generation
                ),
                Description=f"Bivouac environment {blueprint.environment}",
                Tags=cloud_map_tags(blueprint.ownership_tags),
            )
        except client.exceptions.DuplicateRequest as error:
            return {"arn": None, "operationId": duplicate_operation(error), "adopted": True}
        except client.exceptions.NamespaceAlreadyExists:
            raise NotYetConsistentError(
                f"namespace {blueprint.namespace}: it exists, and Cloud Map does not list it yet"
            ) from None
    return {"arn": None, "operationId": answer["OperationId"], "adopted": False}


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return created(
        lambda look: create_namespace(
            blueprint, event["generation"], clients.servicediscovery(), look
        ),
        fresh=event["fresh"],
    )
