"""Polls what the services need: the namespace's operation, and the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bivouac import times
from bivouac.aws import cloudmap, cloudmap_answers, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient, ServiceDiscoveryClient
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Record
from bivouac.errors import ClusterFailedError, NamespaceFailedError
from bivouac.services.progress import CreateProgress, NextStep
from bivouac.waiting.wait import POLL_SECONDS, PollResult


def poll(
    context: Mapping[str, Any],
    record: Record,
    blueprint: Blueprint,
    now: datetime,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
) -> PollResult:
    """CREATE once both exist, FOUNDATION if the namespace must be created again.

    Neither emits events, so they are polled. Raises NamespaceFailedError, ClusterFailedError."""
    progress, made = CreateProgress.from_json(context["progress"]), context["foundation"]
    again = PollResult(replace(progress, status=NextStep.FOUNDATION).to_json())
    late = now >= times.moment(context["deadline"])
    cluster = made["cluster"]["status"] == "READY" or _cluster_ready(blueprint, late, ecs_client)
    namespace = made["namespace"]
    # Missing in executions that began before an update of the stack.
    arn, adopted = namespace["arn"], namespace.get("adopted", False)
    if arn is None:
        operation_id = namespace["operationId"]
        operation = cloudmap.get_operation(cloud_map, operation_id) if operation_id else None
        if operation and cloudmap_answers.has_failed(operation):
            _require_retryable(blueprint, operation, late)
            return again
        if adopted:
            found = cloudmap.find_own_namespace(cloud_map, blueprint)
            arn = found.arn if found else None
        elif operation and cloudmap_answers.has_succeeded(operation):
            namespace_id = cloudmap_answers.namespace_id(operation)
            arn = naming.namespace_arn(record.execution, namespace_id)
        if arn is None and late:
            raise NamespaceFailedError(
                f"namespace {blueprint.namespace}: did not exist within timeouts.ready; its "
                f"operation is {operation_id or 'unknown'}"
            )
        if operation is None and operation_id and not adopted:
            # Expired or not visible yet (N05): creating shows which
            return again
    if not cluster or arn is None:
        return PollResult(again_after=POLL_SECONDS)
    return PollResult(replace(progress, status=NextStep.CREATE, namespace_arn=arn).to_json())


def _require_retryable(blueprint: Blueprint, operation: Mapping[str, Any], late: bool) -> None:
    if late or not cloudmap_answers.is_retryable(operation):
        raise NamespaceFailedError(
            f"namespace {blueprint.namespace}: {operation.get('ErrorCode')}: "
            f"{operation.get('ErrorMessage')}"
        )


def _cluster_ready(blueprint: Blueprint, late: bool, client: ECSClient) -> bool:
    name = blueprint.cluster["clusterName"]
    cluster = ecs.describe_cluster(client, name)
    if cluster and ecs_answers.has_failed(cluster):
        raise ClusterFailedError(f"cluster {name}: {ecs.cluster_state(cluster)}")
    if cluster and ecs_answers.is_settled(cluster):
        return True
    if late:
        raise ClusterFailedError(f"cluster {name}: not ACTIVE within timeouts.ready")
    return False
