"""The events that ECS sends to EventBridge: the three kinds that it documents for Fargate services.

The developer guide's pages "Amazon ECS task state change events" (ecs_task_events), "Amazon ECS
service deployment state change events" (ecs_service_deployment_events) and "Amazon ECS service
action events" (ecs_service_events). ECS has no event for the health of a container, the attachment
of a Service Connect proxy, Cloud Map, or a service that becomes INACTIVE.

Of the service actions, only those with an example on their page are sent, and those that "Track
Amazon ECS Availability Zone rebalancing" names. The page also lists TASKS_STOPPED without saying
when else it is sent, and SERVICE_DEPLOYMENT_*.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from localcloud.clock import Clock, as_datetime
from localcloud.ecs import answers
from localcloud.ecs.model import Deployment, Service, Task

EventType = Literal["INFO", "WARN", "ERROR"]


@dataclass(frozen=True)
class Announcement:
    """An ECS event. `detail` is JSON: times are ISO 8601 texts."""

    detail_type: str
    resource: str
    """The ARN of the task or of the service."""
    detail: Mapping[str, Any]
    time: float
    """Seconds since the epoch."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


Listener = Callable[[Announcement], None]
"""Called with the control plane's lock held, so it must not block."""


@dataclass(frozen=True)
class ServiceAction:
    """An "ECS Service Action": its type, its name, and the cause if ECS gives one."""

    event_type: EventType
    event_name: str
    reason: str | None = None


STEADY_STATE = ServiceAction("INFO", "SERVICE_STEADY_STATE")
TASK_START_IMPAIRED = ServiceAction("WARN", "SERVICE_TASK_START_IMPAIRED")

REBALANCING_STARTED = ServiceAction("INFO", "SERVICE_REBALANCING_STARTED")
REBALANCING_COMPLETED = ServiceAction("INFO", "SERVICE_REBALANCING_COMPLETED")
REBALANCING_STOPPED = ServiceAction("INFO", "SERVICE_REBALANCING_STOPPED")
TASKS_STARTED = ServiceAction("INFO", "TASKS_STARTED")
TASKS_STOPPED = ServiceAction("INFO", "TASKS_STOPPED")

OPERATION_THROTTLED = ServiceAction("ERROR", "ECS_OPERATION_THROTTLED")


def placement_failure(reason: str | None = None) -> ServiceAction:
    """`reason` as in the page's examples: RESOURCE:FARGATE."""
    return ServiceAction("ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", reason)


def configuration_failure(reason: str) -> ServiceAction:
    return ServiceAction("ERROR", "SERVICE_TASK_CONFIGURATION_FAILURE", reason)


class Announcements:
    """Sends events to every listener. Called with the control plane's lock held."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def task_changed(self, task: Task) -> None:
        """The status or desired status of the task, or of a container, has changed."""
        self._send("ECS Task State Change", task.arn, _task_detail(task, self._clock.now()))

    def deployment_changed(self, service: Service, deployment: Deployment) -> None:
        """The deployment has begun, completed or failed."""
        state = deployment.rollout_state
        detail = {
            "eventType": "ERROR" if state == "FAILED" else "INFO",
            "eventName": f"SERVICE_DEPLOYMENT_{state}",
            "clusterArn": service.cluster.arn,
            "deploymentId": deployment.id,
            "updatedAt": _text(as_datetime(deployment.updated_at)),
            "reason": deployment.rollout_reason,
        }
        self._send("ECS Deployment State Change", service.arn, detail)

    def service_acted(self, service: Service, action: ServiceAction) -> None:
        detail: dict[str, Any] = {
            "eventType": action.event_type,
            "eventName": action.event_name,
            "clusterArn": service.cluster.arn,
            "createdAt": _text(as_datetime(self._clock.now())),
        }
        if action.event_name == "SERVICE_TASK_PLACEMENT_FAILURE":
            providers = answers.capacity_provider_arns(service)
            detail |= {"capacityProviderArns": providers} if providers else {}
        if action.reason is not None:
            detail["reason"] = action.reason
        self._send("ECS Service Action", service.arn, detail)

    def _send(self, detail_type: str, resource: str, detail: Mapping[str, Any]) -> None:
        announcement = Announcement(detail_type, resource, detail, self._clock.now())
        for listener in self._listeners:
            listener(announcement)


_ONLY_DESCRIBED = ("fargateEphemeralStorage", "healthStatus", "platformFamily", "tags")
"""Members of DescribeTasks' answer that no published event has."""


def _task_detail(task: Task, now: float) -> dict[str, Any]:
    """The task much as DescribeTasks shows it.

    The differences follow the page's example and events that people have published: an interface's
    attachment is an "eni", health is absent, an agent's lastStatus is its status.
    """
    described = answers.task(task, with_tags=False)
    detail = {name: value for name, value in described.items() if name not in _ONLY_DESCRIBED}
    detail["attachments"] = [_attachment(item) for item in described["attachments"]]
    detail["containers"] = [_container(item) for item in described["containers"]]
    detail["overrides"] = {"containerOverrides": described["overrides"]["containerOverrides"]}
    detail["updatedAt"] = as_datetime(now)
    return {
        name: _text(value) if isinstance(value, datetime) else value
        for name, value in detail.items()
    }


def _attachment(described: Mapping[str, Any]) -> dict[str, Any]:
    kind = described["type"]
    return {**described, "type": "eni" if kind == "ElasticNetworkInterface" else kind}


def _container(described: Mapping[str, Any]) -> dict[str, Any]:
    container = {
        name: value
        for name, value in described.items()
        if name not in ("healthStatus", "networkBindings")
    }
    if "managedAgents" in container:
        container["managedAgents"] = [
            {"name": agent["name"], "status": agent["lastStatus"]}
            for agent in container["managedAgents"]
        ]
    return container


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
