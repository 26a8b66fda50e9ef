"""Delete proof clients: the edges are proven, so they are no longer needed.

Their tasks stop by themselves, and nothing waits for that. Repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from bivouac.aws import clients, ecs
from bivouac.aws.client_types import ECSClient
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.observability import Event, step
from bivouac.stack import held


def delete_proof_clients(
    blueprint: Blueprint, service_names: Iterable[str], client: ECSClient
) -> Event:
    """`deleted`: the proof clients among the services of this execution."""
    cluster = blueprint.cluster["clusterName"]
    deleted = [name for name in service_names if name.startswith(naming.PROOF_PREFIX)]
    for name in deleted:
        ecs.delete_service(client, cluster, name)
    return {"deleted": deleted}


@step
def handler(event: Event) -> Event:
    names = [entry["serviceName"] for entry in event["expected"]]
    return delete_proof_clients(held(event).planned, names, clients.ecs())
