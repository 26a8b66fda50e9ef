"""ECS's rules for a new task definition beyond its model's shape. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.ecs.container_rules import check_containers
from localcloud.ecs.fargate_rules import check_fargate
from localcloud.ecs.name_rules import check_name
from localcloud.ecs.volume_rules import check_volumes


def check_task_definition(request: Mapping[str, Any]) -> None:
    """Raises ClientException for the first rule that a new task definition breaks."""
    check_name("Family", request["family"])
    check_containers(request)
    check_volumes(request)
    if "FARGATE" in request.get("requiresCompatibilities", []):
        check_fargate(request)
