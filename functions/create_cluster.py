"""Create cluster: named by Bivouac, without a default namespace (docs/decisions/0009).

Repeating it is safe: an existing cluster of ours is described and, where the request changed,
updated; CreateCluster with other arguments is never sent to it (C03).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bivouac.aws import clients, ecs, ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, create_cluster_arguments, from_ecs_tags
from bivouac.environment.ownership import require_owned
from bivouac.errors import ClusterFailedError
from bivouac.observability import Event, step
from bivouac.services.create_first import created
from bivouac.stack import held

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient


def create_cluster(blueprint: Blueprint, client: ECSClient, look: bool = True) -> Event:
    """`status` READY or IN_PROGRESS; whoever waits for it looks until it is ACTIVE (C02).

    Without a `look` it is taken not to be there; CreateCluster answers with the one that is (C03),
    which is held to its tags all the same. Raises ForeignResourceError."""
    arguments = create_cluster_arguments(blueprint)
    name = arguments["clusterName"]
    cluster = ecs.describe_cluster(client, name) if look else None
    if cluster is None:
        cluster = ecs.create_cluster(client, arguments)
    tags = from_ecs_tags(cluster.get("tags"))
    require_owned(f"the cluster {name}", tags, blueprint.stack, blueprint.environment)
    wanted = from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]
    if ecs_answers.is_settled(cluster) and tags.get(naming.SPECIFICATION_TAG) != wanted:
        cluster = ecs.update_cluster(client, cluster["clusterArn"], arguments)
    return _answer(cluster)


def _answer(cluster: dict[str, Any]) -> Event:
    if ecs_answers.has_failed(cluster):
        raise ClusterFailedError(f"cluster {cluster['clusterName']}: {ecs.cluster_state(cluster)}")
    return {"status": "READY" if ecs_answers.is_settled(cluster) else "IN_PROGRESS"}


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return created(
        lambda look: create_cluster(blueprint, clients.ecs(), look), fresh=event["fresh"]
    )
