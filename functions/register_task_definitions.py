"""Register task definitions: for every service and proof client, but only if something changed.

RegisterTaskDefinition has no idempotency token, so a content hash in a tag takes its place: if an
answer is lost, the repeated step finds the revision and does not register it again (T03).
A roll-back finds the revision that ran before, so that its services run what was proven.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bivouac.aws import clients, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient
from bivouac.aws.environments_table import Records
from bivouac.environment import naming
from bivouac.environment.blueprint import (
    Blueprint,
    from_ecs_tags,
    register_task_definition_arguments,
)
from bivouac.environment.ownership import require_owned
from bivouac.errors import RefusedByAwsError
from bivouac.observability import Event, step
from bivouac.proof import mesh
from bivouac.stack import records

MOST_EARLIER = 10
"""The number of earlier revisions that are compared if a family's latest one differs: one call
each."""


def register_task_definitions(
    environment: str, generation: int, records: Records, client: ECSClient
) -> Event:
    """The ARN with revision by family, as services use it; never read back (T09).

    The record lists what was registered, even if the step fails half-way."""
    record = records.current(environment, generation)
    blueprint = Blueprint.from_json(record.content)
    prefix = naming.family_prefix(blueprint.stack, blueprint.environment)
    known = set(ecs.families(client, prefix, "ACTIVE"))
    known_arns = {*record.task_definitions, *record.expected_definitions}
    arns: dict[str, str] = {}
    try:
        for arguments in _definitions(blueprint, generation):
            family = arguments["family"]
            found = None
            if family in known:
                earlier = _earlier(known_arns, family)
                found = _found(blueprint, arguments, earlier, client)
            arns[family] = found or ecs.register_task_definition(client, arguments)
    finally:
        if arns and record.names_all_definitions:
            records.add_task_definitions(environment, generation, sorted(arns.values()))
    return {"arns": arns}


def _definitions(blueprint: Blueprint, generation: int) -> list[dict[str, Any]]:
    services = [
        *blueprint.services,
        *(client.service for client in mesh.proof_clients(blueprint, generation)),
    ]
    return [
        register_task_definition_arguments(blueprint, service)
        for service in services
        if service.definition is not None
    ]


def _earlier(recorded: Iterable[str], family: str) -> list[str]:
    """The family's earlier revisions, the newest first."""
    of_family = [arn for arn in recorded if arn.rpartition(":")[0].endswith(f"/{family}")]
    newest_first = sorted(of_family, key=lambda arn: int(arn.rpartition(":")[2]), reverse=True)
    return newest_first[:MOST_EARLIER]


def _found(
    blueprint: Blueprint, arguments: dict[str, Any], earlier: list[str], client: ECSClient
) -> str | None:
    """The family's latest revision, or an earlier one of ours, if it is the wanted one and ACTIVE:
    tasks of other revisions do not start (T05)."""
    family = arguments["family"]
    wanted = from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]
    described, tags = ecs.describe_task_definition(client, family)
    latest = str(described["taskDefinitionArn"])
    require_owned(
        f"the task definition family {family}", tags, blueprint.stack, blueprint.environment
    )
    for arn in (latest, *(arn for arn in earlier if arn != latest)):
        if arn != latest:
            try:
                described, tags = ecs.describe_task_definition(client, arn)
            except RefusedByAwsError:
                continue  # someone has deleted it (T13)
        if ecs_answers.is_active(described) and tags.get(naming.SPECIFICATION_TAG) == wanted:
            return arn
    return None


@step
def handler(event: Event) -> Event:
    return register_task_definitions(
        event["environment"], event["generation"], records(), clients.ecs_sent_once()
    )
