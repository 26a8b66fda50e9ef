"""Creates a service's task as it is just after its placement."""

from __future__ import annotations

import secrets
import string
import uuid
from typing import Any

from localcloud.account import Account
from localcloud.ecs.image_registry import ImageRegistry
from localcloud.ecs.model import ContainerState, Deployment, Service, Task
from localcloud.ecs.strategy_rules import next_provider


def place(
    account: Account, images: ImageRegistry, service: Service, subnet_id: str, now: float
) -> Task:
    """A new task of the service's primary deployment."""
    task_id = uuid.uuid4().hex
    cluster, deployment = service.cluster, service.primary
    arn = account.arn("ecs", f"task/{cluster.name}/{task_id}")
    connected = deployment.connect is not None
    return Task(
        id=task_id,
        arn=arn,
        cluster=cluster,
        service=service,
        deployment=deployment,
        definition=deployment.task_definition,
        subnet_id=subnet_id,
        containers=[
            _container(arn, item, _digest(images, deployment, item))
            for item in deployment.task_definition.containers
        ],
        proxy=_proxy(arn) if connected else None,
        tags=_tags(service, deployment),
        created_at=now,
        group=f"service:{service.name}",
        started_by=deployment.id,
        interface_attachment_id=str(uuid.uuid4()),
        connect_attachment_id=str(uuid.uuid4()) if connected else None,
        capacity_provider=next_provider(
            deployment.capacity_provider_strategy,
            [task.capacity_provider for task in service.tasks_of(deployment) if task.live],
        ),
    )


def on_fargate(deployment: Deployment) -> bool:
    providers = [item["capacityProvider"] for item in deployment.capacity_provider_strategy]
    return deployment.launch_type == "FARGATE" or any("FARGATE" in name for name in providers)


def _digest(
    images: ImageRegistry, deployment: Deployment, definition: dict[str, Any]
) -> str | None:
    """The same for all tasks of a deployment, unless the container disables version consistency."""
    name: str = definition["name"]
    digest = images.digest_of(definition["image"])
    if digest is None or definition.get("versionConsistency") == "disabled":
        return digest
    return deployment.image_digests.setdefault(name, digest)


def _container(task_arn: str, definition: dict[str, Any], digest: str | None) -> ContainerState:
    return ContainerState(
        name=definition["name"],
        arn=_container_arn(task_arn),
        image=definition["image"],
        definition=definition,
        essential=definition["essential"],
        digest=digest,
    )


def _proxy(task_arn: str) -> ContainerState:
    """The container that ECS adds; its name ends in five random characters."""
    suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(5))
    return ContainerState(
        name=f"ecs-service-connect-{suffix}",
        arn=_container_arn(task_arn),
        image="",
        definition={},
        essential=True,
    )


def _container_arn(task_arn: str) -> str:
    return f"{task_arn.replace(':task/', ':container/')}/{uuid.uuid4()}"


def _tags(service: Service, deployment: Deployment) -> dict[str, str]:
    tags: dict[str, str] = {}
    if service.managed_tags:
        tags["aws:ecs:clusterName"] = service.cluster.name
        tags["aws:ecs:serviceName"] = service.name
    if service.propagate_tags == "SERVICE":
        tags |= service.tags
    elif service.propagate_tags == "TASK_DEFINITION":
        tags |= deployment.task_definition.tags
    return tags
