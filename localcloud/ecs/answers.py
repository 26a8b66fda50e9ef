"""ECS's records as its API describes them, with the fields and defaults of recorded answers."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from localcloud.clock import as_datetime
from localcloud.ecs.model import (
    Cluster,
    ContainerState,
    Deployment,
    Service,
    Task,
    TaskDefinition,
)
from localcloud.ecs.service_rules import CURRENT_PLATFORM_VERSION

Answer = dict[str, Any]

_BEFORE_RUNNING = ("PROVISIONING", "PENDING", "ACTIVATING")
PROXY_ATTACHMENT = "ServiceConnect"
"""The type of a proxy's attachment. Recorded; the API reference has "Service Connect"."""
_PROXY_ENVIRONMENT = {
    "ENVOY_CONCURRENCY": "2",
    "ENVOY_ADMIN_MODE": "UDS",
    "ENABLE_STATS_SNAPSHOT": "true",
    "APPMESH_METRIC_EXTENSION_VERSION": "1",
    "APPNET_ENVOY_RESTART_COUNT": "3",
    "HC_DISCONNECTED_TIMEOUT_S": "10800",
    "APPNET_AGENT_ADMIN_MODE": "UDS",
}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def cluster(record: Cluster, include: Collection[str]) -> Answer:
    """`include` as in DescribeClusters; what is not included is empty, or absent (C02)."""
    tasks = record.tasks.values()
    answer: Answer = {
        "clusterArn": record.arn,
        "clusterName": record.name,
        "status": record.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": sum(task.status == "RUNNING" for task in tasks),
        "pendingTasksCount": sum(task.status in _BEFORE_RUNNING for task in tasks),
        "activeServicesCount": sum(s.status == "ACTIVE" for s in record.services.values()),
        "statistics": [],
        "tags": tag_list(record.tags) if "TAGS" in include else [],
        "settings": record.settings if "SETTINGS" in include else [],
        "capacityProviders": record.capacity_providers,
        "defaultCapacityProviderStrategy": record.default_strategy,
    }
    if "CONFIGURATIONS" in include and record.configuration is not None:
        answer["configuration"] = record.configuration
    if "ATTACHMENTS" in include and record.attachment is not None:
        answer["attachments"] = [
            {
                "id": record.attachment.id,
                "type": "sc",
                "status": record.attachment.status,
                "details": [],
            }
        ]
        answer["attachmentsStatus"] = {
            "ATTACHING": "UPDATE_IN_PROGRESS",
            "ATTACHED": "UPDATE_COMPLETE",
            "FAILED": "UPDATE_FAILED",
        }[record.attachment.status]
    if record.namespace_arn is not None:
        answer["serviceConnectDefaults"] = {"namespace": record.namespace_arn}
    return answer


def capacity_provider_arns(record: Service) -> list[str]:
    """Of the providers that its primary deployment uses."""
    prefix = record.arn.rsplit(":", 1)[0]
    names = [item["capacityProvider"] for item in record.primary.capacity_provider_strategy]
    return [f"{prefix}:capacity-provider/{name}" for name in names]


def task_definition(record: TaskDefinition) -> Answer:
    return _present(
        {
            "taskDefinitionArn": record.arn,
            **record.definition,
            "revision": record.revision,
            "status": record.status,
            "requiresAttributes": [{"name": name} for name in record.requires_attributes],
            "compatibilities": record.compatibilities,
            "registeredAt": as_datetime(record.registered_at),
            "deregisteredAt": _moment(record.deregistered_at),
            "deleteRequestedAt": _moment(record.delete_requested_at),
            "registeredBy": record.registered_by,
        }
    )


def service(record: Service, *, with_tags: bool) -> Answer:
    return _present(
        {
            "serviceArn": record.arn,
            "serviceName": record.name,
            "clusterArn": record.cluster.arn,
            "loadBalancers": [],
            "serviceRegistries": [],
            "status": record.status,
            "desiredCount": record.desired_count,
            "runningCount": sum(task.status == "RUNNING" for task in record.tasks),
            "pendingCount": sum(_pending(task) for task in record.tasks),
            "launchType": record.launch_type,
            "capacityProviderStrategy": record.capacity_provider_strategy or None,
            "platformVersion": record.platform_version,
            "platformFamily": "Linux" if record.platform_version else None,
            "taskDefinition": record.primary.task_definition.arn,
            "deploymentConfiguration": record.deployment_configuration,
            "deployments": [_deployment(record, item) for item in _shown_deployments(record)],
            "roleArn": record.role_arn,
            "events": [
                {
                    "id": event.id,
                    "createdAt": as_datetime(event.created_at),
                    "message": event.message,
                }
                for event in record.events
            ],
            "createdAt": as_datetime(record.created_at),
            "currentServiceRevisions": [
                _revision(record, item) for item in _shown_deployments(record)
            ],
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": record.network_configuration,
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "tags": tag_list(record.tags) if with_tags and record.tags else None,
            "createdBy": record.created_by,
            "enableECSManagedTags": record.managed_tags,
            "propagateTags": record.propagate_tags,
            "enableExecuteCommand": record.execute_command,
            "availabilityZoneRebalancing": record.zone_rebalancing,
            "resourceManagementType": "CUSTOMER",
        }
    )


def task(record: Task, *, with_tags: bool) -> Answer:
    return _present(
        {
            "attachments": _attachments(record),
            "attributes": [{"name": "ecs.cpu-architecture", "value": _architecture(record)}],
            "availabilityZone": record.interface.availability_zone if record.interface else None,
            "capacityProviderName": record.capacity_provider,
            "clusterArn": record.cluster.arn,
            "connectivity": "CONNECTED" if record.connectivity_at is not None else None,
            "connectivityAt": _moment(record.connectivity_at),
            "containers": [_container(record, item) for item in record.all_containers],
            "cpu": record.definition.definition.get("cpu"),
            "createdAt": as_datetime(record.created_at),
            "desiredStatus": record.desired_status,
            "enableExecuteCommand": record.service is not None and record.service.execute_command,
            "executionStoppedAt": _moment(record.execution_stopped_at),
            "group": record.group,
            "healthStatus": record.health,
            "lastStatus": record.status,
            "launchType": "FARGATE",
            "memory": record.definition.definition.get("memory"),
            "overrides": {
                "containerOverrides": [_override(record, item) for item in record.all_containers],
                "inferenceAcceleratorOverrides": [],
            },
            "platformVersion": CURRENT_PLATFORM_VERSION,
            "platformFamily": "Linux",
            "pullStartedAt": _moment(record.pull_started_at),
            "pullStoppedAt": _moment(record.pull_stopped_at),
            "startedAt": _moment(record.started_at),
            "startedBy": record.started_by,
            "stopCode": record.stop_code,
            "stoppedAt": _moment(record.stopped_at),
            "stoppedReason": record.stopped_reason,
            "stoppingAt": _moment(record.stopping_at),
            "tags": tag_list(record.tags) if with_tags else [],
            "taskArn": record.arn,
            "taskDefinitionArn": record.definition.arn,
            "version": record.version,
            "ephemeralStorage": {"sizeInGiB": 20},
            "fargateEphemeralStorage": {"sizeInGiB": 20},
        }
    )


def _shown_deployments(record: Service) -> list[Deployment]:
    """One per id: a deployment that was rolled back to and created again still has its first
    tasks."""
    shown: dict[str, Deployment] = {}
    for deployment in record.deployments if record.status != "INACTIVE" else ():
        shown.setdefault(deployment.id, deployment)
    return list(shown.values())


def _revision(owner: Service, record: Deployment) -> Answer:
    """Each deployment has a revision of its service, with the same digits in its ARN."""
    tasks = owner.tasks_of(record)
    revision = f"{owner.arn.replace(':service/', ':service-revision/')}/{record.id.split('/')[-1]}"
    return {
        "arn": revision,
        "requestedTaskCount": record.desired_count,
        "runningTaskCount": sum(task.status == "RUNNING" for task in tasks),
        "pendingTaskCount": sum(_pending(task) for task in tasks),
    }


def _deployment_status(owner: Service, record: Deployment) -> str:
    """A failed deployment that was rolled back is DRAINING, as recorded in July 2026, although the
    API's documentation does not have the word."""
    if record is owner.primary:
        return "PRIMARY"
    return "DRAINING" if record.rollout_state == "FAILED" else "ACTIVE"


def _deployment(owner: Service, record: Deployment) -> Answer:
    tasks = owner.tasks_of(record)
    fargate = record.platform_version is not None
    return _present(
        {
            "id": record.id,
            "status": _deployment_status(owner, record),
            "taskDefinition": record.task_definition.arn,
            "desiredCount": record.desired_count,
            "pendingCount": sum(_pending(task) for task in tasks),
            "runningCount": sum(task.status == "RUNNING" for task in tasks),
            "failedTasks": record.failed_tasks,
            "createdAt": as_datetime(record.created_at),
            "updatedAt": as_datetime(record.updated_at),
            "launchType": record.launch_type,
            "capacityProviderStrategy": record.capacity_provider_strategy or None,
            "platformVersion": record.platform_version,
            "platformFamily": "Linux" if fargate else None,
            "networkConfiguration": record.network_configuration,
            "rolloutState": record.rollout_state,
            "rolloutStateReason": record.rollout_reason,
            "serviceConnectConfiguration": record.connect_configuration,
            "serviceConnectResources": [
                {
                    "discoveryName": endpoint.discovery_name,
                    "discoveryArn": endpoint.discovery_arn,
                }
                for endpoint in record.connect.endpoints
            ]
            if record.connect is not None and record.connect.endpoints
            else None,
        }
    )


def _attachments(record: Task) -> list[Answer]:
    interface = record.interface
    details = [{"name": "subnetId", "value": record.subnet_id}]
    if interface is not None:
        details += [
            {"name": "networkInterfaceId", "value": interface.id},
            {"name": "macAddress", "value": interface.mac_address},
            {"name": "privateDnsName", "value": interface.private_dns_name},
            {"name": "privateIPv4Address", "value": interface.private_ip},
        ]
    attachments: list[Answer] = []
    if record.proxy is not None:
        attachments.append(
            {
                "id": record.connect_attachment_id,
                "type": PROXY_ATTACHMENT,
                "status": _attachment_status(record, attached=record.started_at is not None),
                "details": [{"name": "ContainerName", "value": record.proxy.name}],
            }
        )
    attachments.append(
        {
            "id": record.interface_attachment_id,
            "type": "ElasticNetworkInterface",
            "status": _attachment_status(record, attached=interface is not None),
            "details": details,
        }
    )
    return attachments


def _attachment_status(record: Task, *, attached: bool) -> str:
    if record.status == "STOPPED":
        return "DELETED"
    return "ATTACHED" if attached else "PRECREATED"


def _container(owner: Task, record: ContainerState) -> Answer:
    interface = owner.interface
    definition = record.definition
    return _present(
        {
            "containerArn": record.arn,
            "taskArn": owner.arn,
            "name": record.name,
            "image": record.image or None,
            "imageDigest": _digest(record),
            "runtimeId": _runtime_id(owner, record),
            "lastStatus": record.status,
            "exitCode": record.exit_code,
            "reason": record.remark if record.status == "RUNNING" else record.reason,
            "networkBindings": [],
            "networkInterfaces": [
                {
                    "attachmentId": owner.interface_attachment_id,
                    "privateIpv4Address": interface.private_ip,
                }
            ]
            if interface is not None
            else [],
            "healthStatus": record.health,
            "managedAgents": _managed_agents(owner, record),
            "cpu": None if record is owner.proxy else str(definition.get("cpu", 0)),
            "memory": str(definition["memory"]) if "memory" in definition else None,
            "memoryReservation": str(definition["memoryReservation"])
            if "memoryReservation" in definition
            else None,
        }
    )


def _digest(record: ContainerState) -> str | None:
    """What the image was resolved to when it was pulled. Only tags in the account's own registry
    move; any other image's digest is made from its name."""
    if not _has_run(record) or not record.image:
        return None
    if record.digest:
        return record.digest
    name, _, digest = record.image.partition("@")
    return digest or f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def _runtime_id(owner: Task, record: ContainerState) -> str | None:
    """The task's id and ten digits of the container; the proxy has none."""
    if not _has_run(record) or record is owner.proxy:
        return None
    return f"{owner.id}-{uuid.UUID(record.arn.rsplit('/', 1)[-1]).int % 10**10:010}"


def _has_run(record: ContainerState) -> bool:
    return record.status == "RUNNING" or record.exit_code is not None


def _override(owner: Task, record: ContainerState) -> Answer:
    """ECS overrides nothing in a service's containers; it configures its proxy through the
    environment (recorded in July 2024: github.com/apptality/aws-ecs-cloudmap-prometheus-sd)."""
    if record is not owner.proxy:
        return {"name": record.name}
    environment = {**_PROXY_ENVIRONMENT, "APPMESH_RESOURCE_ARN": owner.task_set_arn}
    return {
        "name": record.name,
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
    }


def _managed_agents(owner: Task, record: ContainerState) -> list[Answer] | None:
    if owner.service is None or not owner.service.execute_command or record is owner.proxy:
        return None
    return [{"name": "ExecuteCommandAgent", "lastStatus": record.status}]


def _architecture(record: Task) -> str:
    given = record.definition.definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")
    return {"X86_64": "x86_64", "ARM64": "arm64"}[given]


def _pending(task: Task) -> bool:
    return task.live and task.status in _BEFORE_RUNNING


def _moment(seconds: float | None) -> Any:
    return None if seconds is None else as_datetime(seconds)


def _present(answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if value is not None}
