"""Create cluster: named by Bivouac, without a default namespace (docs/decisions/0009).

Repeating it is safe: an existing cluster of ours is described and, if the request has changed,
updated; CreateCluster is never called for it with other arguments (C03).
"""

from __future__ import annotations

from bivouac.aws import clients, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, create_cluster_arguments, from_ecs_tags
from bivouac.environment.ownership import require_owned
from bivouac.errors import ClusterFailedError
from bivouac.observability import Event, step
from bivouac.stack import held


def create_cluster(blueprint: Blueprint, client: ECSClient) -> Event:
    """`status` READY or IN_PROGRESS; the wait polls until it is ACTIVE (C02).

    CreateCluster returns a cluster that has come into existence meanwhile (C03), so the tags are
    checked in any case. Raises ForeignResourceError, ClusterFailedError."""
    arguments = create_cluster_arguments(blueprint)
    name = arguments["clusterName"]
    cluster = ecs.describe_cluster(client, name)
    if cluster is None:
        cluster = ecs.create_cluster(client, arguments)
    tags = from_ecs_tags(cluster.get("tags"))
    require_owned(f"the cluster {name}", tags, blueprint)
    wanted = from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]
    if ecs_answers.is_settled(cluster) and tags.get(naming.SPECIFICATION_TAG) != wanted:
        cluster = ecs.update_cluster(client, cluster, arguments)
    if ecs_answers.has_failed(cluster):
        raise ClusterFailedError(f"cluster {name}: {ecs.cluster_state(cluster)}")
    return {"status": "READY" if ecs_answers.is_settled(cluster) else "IN_PROGRESS"}


@step
def handler(event: Event) -> Event:
    return create_cluster(held(event).planned, clients.ecs())
