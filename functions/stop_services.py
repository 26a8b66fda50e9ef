"""Stop services: sets every service of the environment to zero tasks, clients first.

Each service is tagged before its tasks are stopped: if the step is killed in between, a wake makes
one deployment too many, but never mistakes a service without tasks for a good one
(docs/decisions/0018). Repeating it is safe: tagged services without tasks are left alone.
"""

from __future__ import annotations

from typing import Any

from bivouac.aws import clients, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.deletion import remaining
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, ecs_tags, from_ecs_tags
from bivouac.observability import Event, logger, step
from bivouac.stack import held

MARK = {naming.SPECIFICATION_TAG: naming.ASLEEP}


def stop_services(blueprint: Blueprint, client: ECSClient) -> Event:
    """`names` of the stopped services: all of ours, including left-over proof clients."""
    cluster = blueprint.cluster["clusterName"]
    names = remaining.service_names(client, blueprint)
    services = remaining.services(client, cluster, names)
    names = [
        name
        for name in reversed(names)
        if (service := services.get(name))
        and ecs_answers.is_active(service)
        and blueprint.owns(from_ecs_tags(service.get("tags")))
    ]
    for name in names:
        _stop(cluster, services[name], client)
    return {"names": names}


def _stop(cluster: str, service: dict[str, Any], client: ECSClient) -> None:
    name = service["serviceName"]
    if not MARK.items() <= from_ecs_tags(service.get("tags")).items():
        ecs.tag_service(client, service, ecs_tags(MARK))
    if service["desiredCount"]:
        logger.info("service stopped", service=name, tasks=service["desiredCount"])
        ecs.update_service(client, {"cluster": cluster, "service": name, "desiredCount": 0})


@step
def handler(event: Event) -> Event:
    return stop_services(held(event).planned, clients.ecs())
