"""The task definitions of an environment, and which of their registered revisions serve again."""

from __future__ import annotations

from collections.abc import Iterable

from bivouac.aws import ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.environment import naming
from bivouac.environment.blueprint import (
    Blueprint,
    from_ecs_tags,
    register_task_definition_arguments,
)
from bivouac.environment.ownership import require_owned
from bivouac.errors import RefusedByAwsError
from bivouac.json_types import Json
from bivouac.proof import mesh

MOST_EARLIER = 10
"""The number of earlier revisions that are compared if a family's latest one differs: one call
each."""


def wanted(blueprint: Blueprint, generation: int) -> list[Json]:
    """RegisterTaskDefinition's arguments, for every service and proof client that has a definition
    of its own."""
    clients = (client.service for client in mesh.proof_clients(blueprint, generation))
    return [
        register_task_definition_arguments(blueprint, service)
        for service in (*blueprint.services, *clients)
        if service.definition is not None
    ]


def found(
    blueprint: Blueprint, arguments: Json, recorded: Iterable[str], client: ECSClient
) -> str | None:
    """The ARN of the family's latest revision, or of an earlier one of ours (`recorded`), if it is
    the wanted one and ACTIVE: tasks of other revisions do not start (T05).

    Raises ForeignResourceError if the family is not ours."""
    family = arguments["family"]
    specification = from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]
    described, tags = ecs.describe_task_definition(client, family)
    latest = str(described["taskDefinitionArn"])
    what = f"the task definition family {family}"
    require_owned(what, tags, blueprint)
    for arn in (latest, *(arn for arn in _earlier(recorded, family) if arn != latest)):
        if arn != latest:
            try:
                described, tags = ecs.describe_task_definition(client, arn)
            except RefusedByAwsError:
                continue  # someone has deleted it (T13)
        if ecs_answers.is_active(described) and tags.get(naming.SPECIFICATION_TAG) == specification:
            return arn
    return None


def _earlier(recorded: Iterable[str], family: str) -> list[str]:
    """The family's earlier revisions, the newest first."""
    of_family = [arn for arn in recorded if arn.rpartition(":")[0].endswith(f"/{family}")]
    newest_first = sorted(of_family, key=lambda arn: int(arn.rpartition(":")[2]), reverse=True)
    return newest_first[:MOST_EARLIER]
