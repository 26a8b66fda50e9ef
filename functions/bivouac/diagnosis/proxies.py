"""Whether a task's Service Connect proxy works, as DescribeTasks shows it. Pure."""

from __future__ import annotations

from bivouac.aws import ecs_answers
from bivouac.json_types import Described


def is_ready(task: Described) -> bool:
    """H21: the attachment is ATTACHED, and the proxy's container runs and is HEALTHY.

    ECS gives the proxy a health check of its own (recorded: HEALTHY, 2024); one that shows no
    health at all counts as ready."""
    attached = any(
        ecs_answers.is_service_connect(attachment) and ecs_answers.is_attached(attachment)
        for attachment in task.get("attachments", ())
    )
    return attached and not trouble(task)


def trouble(task: Described) -> str | None:
    """What is wrong with the proxy's container; None if nothing, or it has none yet."""
    for proxy in filter(ecs_answers.is_proxy, task.get("containers", ())):
        name, health = proxy["name"], proxy.get("healthStatus")
        if not ecs_answers.is_running(proxy):
            return f"the Service Connect proxy {name} is {proxy.get('lastStatus', 'not visible')}"
        if health is not None and not ecs_answers.is_healthy(proxy):
            return f"the Service Connect proxy {name} is not HEALTHY but {health}"
    return None
