"""A deployment and its tasks, as expected and as ECS describes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bivouac.aws import ecs_answers
from bivouac.json_types import Described

Services = Mapping[str, Described]
"""Described services by name."""
Tasks = Mapping[str, Sequence[Described]]
"""Described tasks by service."""


@dataclass(frozen=True)
class Expected:
    """The deployment that must become healthy, as CreateService or UpdateService started it."""

    service_name: str
    task_definition_arn: str
    deployment_id: str
    deployed_at: str = ""
    """When the deployment began, ISO 8601; empty if unknown."""

    def to_json(self) -> dict[str, str]:
        return {
            "serviceName": self.service_name,
            "taskDefinitionArn": self.task_definition_arn,
            "deploymentId": self.deployment_id,
            "deployedAt": self.deployed_at,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, str]) -> Self:
        return cls(
            content["serviceName"],
            content["taskDefinitionArn"],
            content["deploymentId"],
            content.get("deployedAt", ""),
        )


@dataclass(frozen=True)
class Observed:
    """One service as ECS describes it now."""

    service: Described | None
    running: tuple[Described, ...]
    """Tasks whose desired status is RUNNING."""
    stopped: tuple[Described, ...]


def primary_deployment(service: Described) -> Described | None:
    for deployment in service.get("deployments", ()):
        if ecs_answers.is_primary(deployment):
            return dict(deployment)
    return None


def deployment_ids(services: Services) -> dict[str, str]:
    """The primary deployments' ids by service."""
    return {
        name: primary["id"]
        for name, service in services.items()
        if (primary := primary_deployment(service))
    }


def private_address(task: Described) -> str | None:
    return _interface_detail(task, ecs_answers.PRIVATE_ADDRESS)


def interface_id(task: Described) -> str | None:
    return _interface_detail(task, ecs_answers.NETWORK_INTERFACE_ID)


def _interface_detail(task: Described, name: str) -> str | None:
    for attachment in task.get("attachments", ()):
        if ecs_answers.is_network_interface(attachment):
            for detail in attachment.get("details", ()):
                if detail.get("name") == name and detail.get("value"):
                    return str(detail["value"])
    return None
