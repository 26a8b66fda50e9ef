"""Calls of ECS. Answers are complete: all pages and batches are read, and what is missing is
distinguished from what is INACTIVE."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Literal

from botocore.exceptions import ClientError

from bivouac.aws import ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.aws.errors import message_of, translated
from bivouac.aws.listing import batches, list_all
from bivouac.environment.blueprint import EcsTag, from_ecs_tags
from bivouac.errors import BivouacError
from bivouac.json_types import Json

CLUSTERS_A_CALL = 100
SERVICES_A_CALL = 10
TASKS_A_CALL = 100
SERVICES_A_PAGE = 100
"""The maximum of ListServices; its default is 10."""
DEFINITIONS_A_DELETION = 10


class ClusterDeletion(Enum):
    """ECS's answer to the deletion of a cluster."""

    DELETED = auto()
    ALREADY_GONE = auto()
    HAS_SERVICES = auto()
    HAS_TASKS = auto()
    CHANGING = auto()


def describe_cluster(client: ECSClient, name: str) -> Json | None:
    """The cluster with tags and attachments; None if it is missing or INACTIVE (C05, C06)."""
    with translated(f"cluster {name}"):
        answer = client.describe_clusters(clusters=[name], include=["TAGS", "ATTACHMENTS"])
    found = [cluster for cluster in answer["clusters"] if not ecs_answers.is_gone(cluster)]
    return dict(found[0]) if found else None


def list_clusters(client: ECSClient) -> list[str]:
    """Names of all clusters in the Region; ECS cannot list by prefix."""
    arns = list_all("clusters of this Region", client, "list_clusters", "clusterArns")
    return [ecs_answers.id_of(arn) for arn in arns]


def describe_clusters(client: ECSClient, names: Iterable[str]) -> list[Json]:
    """The clusters that are not INACTIVE, with tags."""
    found: list[Json] = []
    for batch in batches(names, CLUSTERS_A_CALL):
        with translated(f"clusters {', '.join(batch)}"):
            answer = client.describe_clusters(clusters=batch, include=["TAGS"])
        found += [dict(each) for each in answer["clusters"] if not ecs_answers.is_gone(each)]
    return found


def create_cluster(client: ECSClient, arguments: Mapping[str, Any]) -> Json:
    """The cluster. ECS returns an existing one unchanged, whatever its tags are (C03)."""
    with translated(f"cluster {arguments['clusterName']}"):
        return dict(client.create_cluster(**arguments)["cluster"])


def update_cluster(
    client: ECSClient, cluster: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Json:
    """Give a cluster the settings, capacity providers and tags of `arguments`, which are
    CreateCluster's. `cluster`: as described; it keeps its other providers, which tasks may use."""
    name = arguments["clusterName"]
    providers = dict.fromkeys([*cluster["capacityProviders"], *arguments["capacityProviders"]])
    with translated(f"cluster {name}"):
        client.update_cluster(cluster=name, settings=arguments.get("settings", []))
        answer = client.put_cluster_capacity_providers(
            cluster=name,
            capacityProviders=list(providers),
            defaultCapacityProviderStrategy=arguments.get("defaultCapacityProviderStrategy", []),
        )
        client.tag_resource(resourceArn=cluster["clusterArn"], tags=arguments["tags"])
    return dict(answer["cluster"])


def delete_cluster(client: ECSClient, name: str) -> ClusterDeletion:
    with translated(f"cluster {name}"):
        try:
            client.delete_cluster(cluster=name)
        except client.exceptions.ClusterContainsServicesException:
            return ClusterDeletion.HAS_SERVICES
        except client.exceptions.ClusterContainsTasksException:
            return ClusterDeletion.HAS_TASKS
        except client.exceptions.UpdateInProgressException:
            return ClusterDeletion.CHANGING
        except client.exceptions.ClusterNotFoundException:
            return ClusterDeletion.ALREADY_GONE
    return ClusterDeletion.DELETED


def cluster_state(cluster: Json) -> str:
    return f"{cluster['status']}, attachments {ecs_answers.attachments_of(cluster)}"


def list_services(client: ECSClient, cluster: str) -> list[str]:
    """Names of the services that ListServices shows: it hides draining ones (S02)."""
    arns = list_all(
        f"cluster {cluster}",
        client,
        "list_services",
        "serviceArns",
        cluster=cluster,
        PaginationConfig={"PageSize": SERVICES_A_PAGE},
    )
    return [ecs_answers.id_of(arn) for arn in arns]


def describe_services(client: ECSClient, cluster: str, names: Iterable[str]) -> dict[str, Json]:
    """Services by name with tags, including INACTIVE ones; unknown ones are absent."""
    found: dict[str, Json] = {}
    for batch in batches(dict.fromkeys(names), SERVICES_A_CALL):
        with translated(f"services {', '.join(batch)}"):
            described = _described_services(client, cluster, batch)
        found.update((service["serviceName"], service) for service in described)
    return found


def _described_services(client: ECSClient, cluster: str, names: list[str]) -> list[Json]:
    """A purged service is among the failures (hashicorp/terraform, issue 4326), or an error, as the
    API reference says: then each is read by itself, because the error does not say which it is."""
    try:
        answer = client.describe_services(cluster=cluster, services=names, include=["TAGS"])
    except client.exceptions.ServiceNotFoundException:
        if len(names) == 1:
            return []
        return [each for name in names for each in _described_services(client, cluster, [name])]
    return [dict(service) for service in answer["services"]]


def calls_for(services: Sequence[str]) -> int:
    """How many calls `describe_services` makes for these services."""
    return math.ceil(len(services) / SERVICES_A_CALL)


def create_service(client: ECSClient, arguments: Mapping[str, Any]) -> Json:
    """Raises ServiceDrainingError while a deleted service of this name drains (S02)."""
    with translated(f"service {arguments['serviceName']}"):
        return dict(client.create_service(**arguments)["service"])


def update_service(client: ECSClient, arguments: Mapping[str, Any]) -> Json:
    with translated(f"service {arguments['service']}"):
        return dict(client.update_service(**arguments)["service"])


def tag_service(client: ECSClient, service: Mapping[str, Any], tags: Sequence[EcsTag]) -> None:
    """`service`: as described by ECS."""
    with translated(f"service {service['serviceName']}"):
        client.tag_resource(resourceArn=service["serviceArn"], tags=tags)


def delete_service(client: ECSClient, cluster: str, name: str) -> Json | None:
    """The service, which now drains; None if it is already gone."""
    with (
        translated(f"service {name}"),
        suppress(client.exceptions.ServiceNotFoundException),
    ):
        return dict(client.delete_service(cluster=cluster, service=name, force=True)["service"])
    return None


def list_tasks(
    client: ECSClient, cluster: str, desired_status: Literal["RUNNING", "STOPPED"]
) -> list[str]:
    return list_all(
        f"cluster {cluster}",
        client,
        "list_tasks",
        "taskArns",
        cluster=cluster,
        desiredStatus=desired_status,
    )


def describe_tasks(client: ECSClient, cluster: str, arns: Sequence[str]) -> list[Json]:
    tasks: list[Json] = []
    for batch in batches(arns, TASKS_A_CALL):
        with translated(f"tasks of cluster {cluster}"):
            answer = client.describe_tasks(cluster=cluster, tasks=batch, include=["TAGS"])
        tasks.extend(dict(task) for task in answer["tasks"])
    return tasks


def stop_task(client: ECSClient, cluster: str, arn: str) -> None:
    with translated(f"task {arn}"):
        client.stop_task(cluster=cluster, task=arn, reason="The environment is deleted")


def families(client: ECSClient, prefix: str, status: Literal["ACTIVE", "ALL"] = "ALL") -> list[str]:
    """Every family that begins with `prefix`; ALL includes those with only INACTIVE revisions."""
    return list_all(
        f"task definition families {prefix}*",
        client,
        "list_task_definition_families",
        "families",
        familyPrefix=prefix,
        status=status,
    )


def revisions(
    client: ECSClient, family: str, status: Literal["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"]
) -> list[str]:
    """ARNs of a family's revisions in this status."""
    return list_all(
        f"task definition family {family}",
        client,
        "list_task_definitions",
        "taskDefinitionArns",
        familyPrefix=family,
        status=status,
    )


def describe_task_definition(client: ECSClient, name: str) -> tuple[Json, dict[str, str]]:
    """A definition and its tags. Raises RefusedByAwsError if there is none (T13)."""
    with translated(f"task definition {name}"):
        answer = client.describe_task_definition(taskDefinition=name, include=["TAGS"])
    return dict(answer["taskDefinition"]), from_ecs_tags(answer.get("tags"))


def tagged_revisions(
    client: ECSClient, family: str, status: Literal["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"]
) -> Iterator[tuple[str, dict[str, str]]]:
    """ARNs of a family's revisions in this status, each with its tags."""
    for arn in revisions(client, family, status):
        yield arn, describe_task_definition(client, arn)[1]


def register_task_definition(client: ECSClient, arguments: Mapping[str, Any]) -> str:
    """The ARN of the new revision."""
    with translated(f"task definition {arguments['family']}"):
        answer = client.register_task_definition(**arguments)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def deregister_task_definition(client: ECSClient, arn: str) -> None:
    with translated(f"task definition {arn}"):
        client.deregister_task_definition(taskDefinition=arn)


def delete_task_definitions(client: ECSClient, arns: Sequence[str]) -> dict[str, str]:
    """The reasons why revisions are not being deleted, by family:revision.

    For at most DEFINITIONS_A_DELETION revisions."""
    names = [ecs_answers.id_of(arn) for arn in arns]
    with translated(f"task definitions {', '.join(names)}"):
        answer = client.delete_task_definitions(taskDefinitions=list(arns))
    deleting = {
        ecs_answers.id_of(each["taskDefinitionArn"]) for each in answer.get("taskDefinitions", ())
    }
    reasons = {
        ecs_answers.id_of(each.get("arn", "")): each.get("reason", "no reason")
        for each in answer.get("failures", ())
    }
    return {
        name: reasons.get(name, "ECS's answer does not mention it")
        for name in names
        if name not in deleting
    }


def is_missing_task_definition(error: BivouacError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and message_of(cause) == ecs_answers.NO_TASK_DEFINITION
