"""Create namespace: the Cloud Map HTTP namespace, first of all and followed to its end (N03, N04).

Repeating it is safe: an existing namespace of ours is used, and CreatorRequestId makes a call that
is sent again answer with the operation that it started (N01, N02).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bivouac import lease, naming, pace
from bivouac.aws import clients, cloudmap
from bivouac.aws.faults import duplicate_operation, translated
from bivouac.aws.holding import held
from bivouac.blueprint import Blueprint, cloud_map_tags
from bivouac.errors import NamespaceFailedError, NotYetConsistentError
from bivouac.observability import Event, step
from bivouac.preflight import require_owned

if TYPE_CHECKING:
    from types_boto3_servicediscovery import ServiceDiscoveryClient

_PASSING = frozenset({"THROTTLED_REQUEST", "INTERNAL_FAILURE"})
"""ErrorCodes of a failed operation that a new attempt can mend (N04)."""


def create_namespace(
    blueprint: Blueprint,
    generation: int,
    operation_id: str | None,
    client: ServiceDiscoveryClient,
) -> Event:
    """`status` READY with id and arn, or IN_PROGRESS with the operation to look at again.

    IN_PROGRESS without an operation means: look for the namespace anew (N05), or try again."""
    if operation_id:
        return _followed(blueprint, operation_id, client)
    found = cloudmap.find_namespace(client, blueprint.namespace)
    if found:
        require_owned(
            f"the namespace {found.name} ({found.id})",
            cloudmap.tags_of(client, found.arn),
            blueprint.stack,
            blueprint.environment,
        )
        return _ready(found)
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
            return _in_progress(duplicate_operation(error))
        except client.exceptions.NamespaceAlreadyExists:
            raise NotYetConsistentError(
                f"namespace {blueprint.namespace}: it exists, and Cloud Map does not list it yet"
            ) from None
    return _in_progress(answer["OperationId"])


def _followed(blueprint: Blueprint, operation_id: str, client: ServiceDiscoveryClient) -> Event:
    operation = cloudmap.get_operation(client, operation_id)
    if operation is None:
        return _in_progress(None)
    match operation["Status"]:
        case "SUCCESS":
            return _ready(cloudmap.get_namespace(client, operation["Targets"]["NAMESPACE"]))
        case "FAIL":
            if operation.get("ErrorCode") in _PASSING:
                return _in_progress(None)
            raise NamespaceFailedError(
                f"namespace {blueprint.namespace}: {operation.get('ErrorCode')}: "
                f"{operation.get('ErrorMessage')}"
            )
        case _:
            return _in_progress(operation_id)


def _ready(namespace: cloudmap.Namespace) -> Event:
    return {"status": "READY", "id": namespace.id, "arn": namespace.arn, "operationId": None}


def _in_progress(operation_id: str | None) -> Event:
    return {
        "status": "IN_PROGRESS",
        "operationId": operation_id,
        "waitSeconds": pace.OPERATION,
    }


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    answer = create_namespace(
        blueprint, event["generation"], event["operationId"], clients.servicediscovery()
    )
    return pace.patient(
        answer,
        lease.seconds_since(event["openedAt"], datetime.now(UTC)),
        blueprint.ready_seconds,
        NamespaceFailedError(
            f"namespace {blueprint.namespace}: not there within timeouts.ready; the operation was "
            f"{answer['operationId']}"
        ),
    )
