"""Register task definitions: of every service and proof client, a revision only where one differs.

RegisterTaskDefinition has no idempotency token, so a content hash in a tag takes its place: a call
whose answer was lost is found here when the step runs again, and never sent again before (T03).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bivouac import mesh, naming
from bivouac.aws import clients, ecs
from bivouac.aws.faults import translated
from bivouac.aws.holding import records
from bivouac.aws.records import Records
from bivouac.blueprint import Blueprint, from_ecs_tags, register_task_definition_arguments
from bivouac.observability import Event, step
from bivouac.ownership import require_owned

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient


def register_task_definitions(
    environment: str, generation: int, records: Records, client: ECSClient
) -> Event:
    """The ARN with revision by family, which is what services run; never read back (T09).

    What was registered is in the record, also where the step fails half-way."""
    blueprint = records.held(environment, generation)
    prefix = naming.family_prefix(blueprint.stack, blueprint.environment)
    known = set(ecs.families(client, prefix, "ACTIVE"))
    arns: dict[str, str] = {}
    try:
        for arguments in _definitions(blueprint, generation):
            family = arguments["family"]
            current = _current(blueprint, arguments, client) if family in known else None
            arns[family] = current or _register(arguments, client)
    finally:
        if arns:
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


def _current(blueprint: Blueprint, arguments: dict[str, Any], client: ECSClient) -> str | None:
    """The family's latest revision, where it is what is wanted."""
    family = arguments["family"]
    latest, tags = ecs.describe_task_definition(client, family)
    require_owned(
        f"the task definition family {family}", tags, blueprint.stack, blueprint.environment
    )
    wanted = from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]
    same = latest["status"] == "ACTIVE" and tags.get(naming.SPECIFICATION_TAG) == wanted
    return str(latest["taskDefinitionArn"]) if same else None


def _register(arguments: dict[str, Any], client: ECSClient) -> str:
    with translated(f"task definition {arguments['family']}"):
        answer = client.register_task_definition(**arguments)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


@step
def handler(event: Event) -> Event:
    return register_task_definitions(
        event["environment"], event["generation"], records(), clients.ecs_sent_once()
    )
