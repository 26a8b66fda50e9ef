"""Where to find a container's output. Pure.

The awslogs driver names a stream <prefix>/<container>/<task id> ("Send Amazon ECS logs to
CloudWatch" in the Amazon ECS Developer Guide).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bivouac.aws.ecs_answers import PROXY_CONTAINER_PREFIX
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint
from bivouac.json_types import Json
from bivouac.proof import mesh


@dataclass(frozen=True)
class LogStream:
    group: str
    name: str


def of(blueprint: Blueprint, generation: int, verdict: Verdict) -> LogStream | None:
    """The stream of the container that a verdict names, or of its task's first container.

    None if the verdict names no task, or its containers log elsewhere."""
    if not verdict.task:
        return None
    task_id = verdict.task.rpartition("/")[2]
    for container, configuration in _logs(blueprint, generation, verdict):
        options = configuration.get("options", {})
        group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
        if group and prefix:
            return LogStream(group, f"{prefix}/{container}/{task_id}")
    return None


def _logs(blueprint: Blueprint, generation: int, verdict: Verdict) -> Iterator[tuple[str, Json]]:
    """The log configuration and the name of each container that the verdict may mean.

    A verdict on an edge names no service: all proof clients log in the same way."""
    proof = [client.service for client in mesh.proof_clients(blueprint, generation)]
    services = [
        service
        for service in (*blueprint.services, *proof)
        if service.service_name == verdict.service
    ]
    for service in services or proof:
        if verdict.container.startswith(PROXY_CONTAINER_PREFIX):
            connect = service.arguments["serviceConnectConfiguration"]
            yield verdict.container, connect.get("logConfiguration", {})
        for container in (service.definition or {}).get("containerDefinitions", ()):
            if verdict.container in ("", container["name"]):
                yield container["name"], container.get("logConfiguration", {})
