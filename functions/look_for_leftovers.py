"""Look for leftovers: describes everything again; two looks in a row must find nothing.

One look is not proof, because a function of a stopped create may have had its last call answered
late, and because lists are eventually consistent. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bivouac import naming, pace
from bivouac.aws import clients, cloudmap, ecs, loggroups
from bivouac.aws.holding import held
from bivouac.blueprint import Blueprint, from_ecs_tags
from bivouac.observability import Event, step
from bivouac.receipt import Item, Outcome

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient

CLEAN_LOOKS = 2
ROUNDS = 3
"""Rounds of deletion before what is left goes into the receipt as failed."""


def look_for_leftovers(
    blueprint: Blueprint,
    look: Event,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
    logs: CloudWatchLogsClient,
) -> Event:
    """`status` CLEAN (look again), DONE, or LEFT with what is there (another round of deletion)."""
    left = [
        *_cluster(blueprint, ecs_client),
        *_task_definitions(blueprint, ecs_client),
        *_namespace(blueprint, cloud_map),
        *_log_groups(blueprint, logs),
    ]
    clean = 0 if left else look["clean"] + 1
    rounds = look["rounds"] + (1 if left else 0)
    if left:
        status = "LEFT" if rounds < ROUNDS else "DONE"
    else:
        status = "DONE" if clean >= CLEAN_LOOKS else "CLEAN"
    return {
        "status": status,
        "clean": clean,
        "rounds": rounds,
        "waitSeconds": pace.OPERATION,
        "left": [item.to_json() for item in left],
    }


def _left(kind: str, name: str) -> Item:
    return Item(kind, name, Outcome.FAILED, "still there at the last look")


def _cluster(blueprint: Blueprint, client: ECSClient) -> Iterator[Item]:
    name = blueprint.cluster["clusterName"]
    cluster = ecs.describe_cluster(client, name)
    if cluster is None or not _owned(blueprint, from_ecs_tags(cluster.get("tags"))):
        return
    yield _left("cluster", name)
    planned = [service.service_name for service in blueprint.services]
    listed = ecs.list_services(client, name)
    services = ecs.describe_services(client, name, [*planned, *listed])
    for service in services.values():
        if service["status"] != "INACTIVE":
            yield _left("service", service["serviceName"])
    for task in ecs.list_tasks(client, name, "RUNNING"):
        yield _left("stray task", task)


def _task_definitions(blueprint: Blueprint, client: ECSClient) -> Iterator[Item]:
    prefix = naming.family_prefix(blueprint.stack, blueprint.environment)
    for family in ecs.families(client, prefix):
        for status in ("ACTIVE", "INACTIVE"):
            for arn in ecs.revisions(client, family, status):
                _, tags = ecs.describe_task_definition(client, arn)
                if _owned(blueprint, tags):
                    yield _left("task definition", arn.rpartition("/")[2])


def _namespace(blueprint: Blueprint, client: ServiceDiscoveryClient) -> Iterator[Item]:
    namespace = cloudmap.find_namespace(client, blueprint.namespace)
    if namespace and _owned(blueprint, cloudmap.tags_of(client, namespace.arn)):
        yield _left("namespace", namespace.name)


def _log_groups(blueprint: Blueprint, client: CloudWatchLogsClient) -> Iterator[Item]:
    prefix = naming.log_group_prefix(blueprint.stack, blueprint.environment)
    for group in loggroups.find(client, prefix).values():
        if _owned(blueprint, loggroups.tags_of(client, group.arn)):
            yield _left("log group", group.name)


def _owned(blueprint: Blueprint, tags: dict[str, str]) -> bool:
    return naming.is_owned(tags, blueprint.stack, blueprint.environment)


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return look_for_leftovers(
        blueprint, event["look"], clients.ecs(), clients.servicediscovery(), clients.logs()
    )
