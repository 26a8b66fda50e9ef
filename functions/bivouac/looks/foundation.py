"""One look at what the services need: the namespace's operation, and the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bivouac import lease, naming
from bivouac.aws import cloudmap, ecs
from bivouac.blueprint import Blueprint
from bivouac.errors import ClusterFailedError, NamespaceFailedError
from bivouac.record import Record
from bivouac.waiting import POLL_SECONDS, Look

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient

_PASSING = frozenset({"THROTTLED_REQUEST", "INTERNAL_FAILURE"})
"""ErrorCodes of a failed operation that a new attempt can mend (N04)."""


def look(
    context: Mapping[str, Any],
    record: Record,
    blueprint: Blueprint,
    now: datetime,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
) -> Look:
    """CREATE once both are there, FOUNDATION where the namespace must be created once more.

    Neither has events, so they are polled. Raises NamespaceFailedError, ClusterFailedError."""
    progress, made = context["progress"], context["foundation"]
    late = now >= lease.moment(context["deadline"])
    cluster = made["cluster"]["status"] == "READY" or _cluster_ready(blueprint, late, ecs_client)
    namespace = made["namespace"]
    if namespace["operationId"]:
        namespace = _followed(record, blueprint, namespace["operationId"], late, cloud_map)
    if namespace is None:
        return Look(answer=progress | {"status": "FOUNDATION"})
    if not cluster or not namespace["arn"]:
        return Look(again_after=POLL_SECONDS)
    return Look(answer=progress | {"status": "CREATE", "namespaceArn": namespace["arn"]})


def _followed(
    record: Record,
    blueprint: Blueprint,
    operation_id: str,
    late: bool,
    client: ServiceDiscoveryClient,
) -> dict[str, Any] | None:
    """The namespace, without an ARN while it is being made; None: it must be created again."""
    operation = cloudmap.get_operation(client, operation_id)
    if operation is None:  # forgotten or not known yet (N05): creating finds out which
        return None
    match operation["Status"]:
        case "SUCCESS":
            namespace_id = operation["Targets"]["NAMESPACE"]
            return {"arn": naming.namespace_arn(record.execution, namespace_id)}
        case "FAIL" if operation.get("ErrorCode") in _PASSING and not late:
            return None
        case "FAIL":
            raise NamespaceFailedError(
                f"namespace {blueprint.namespace}: {operation.get('ErrorCode')}: "
                f"{operation.get('ErrorMessage')}"
            )
    if late:
        raise NamespaceFailedError(
            f"namespace {blueprint.namespace}: not there within timeouts.ready; the operation was "
            f"{operation_id}"
        )
    return {"arn": None}


def _cluster_ready(blueprint: Blueprint, late: bool, client: ECSClient) -> bool:
    name = blueprint.cluster["clusterName"]
    cluster = ecs.describe_cluster(client, name)
    if cluster and ecs.cluster_failed(cluster):
        raise ClusterFailedError(f"cluster {name}: {ecs.cluster_state(cluster)}")
    if cluster and ecs.cluster_settled(cluster):
        return True
    if late:
        raise ClusterFailedError(f"cluster {name}: not ACTIVE within timeouts.ready")
    return False
