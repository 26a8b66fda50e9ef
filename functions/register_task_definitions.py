"""Register task definitions: for every service and proof client, but only if something changed.

RegisterTaskDefinition has no idempotency token, so a content hash in a tag takes its place: if an
answer is lost, the repeated step finds the revision and does not register it again (T03).
A roll-back finds the revision that ran before, so that its services run what was proven.
"""

from __future__ import annotations

from bivouac.aws import clients, ecs
from bivouac.aws.client_types import ECSClient
from bivouac.aws.environments_table import Records
from bivouac.environment import naming
from bivouac.observability import Event, step
from bivouac.services import revisions
from bivouac.stack import records


def register_task_definitions(
    environment: str, generation: int, records: Records, client: ECSClient
) -> Event:
    """The ARN with revision by family, as services use it; never read back (T09).

    The record lists what was registered, even if the step fails half-way."""
    record = records.current(environment, generation)
    blueprint = record.planned
    prefix = naming.family_prefix(blueprint.stack, blueprint.environment)
    known = set(ecs.families(client, prefix, "ACTIVE"))
    proven = (each["taskDefinitionArn"] for each in record.expected)
    recorded = {*record.task_definitions, *proven}
    arns: dict[str, str] = {}
    try:
        for arguments in revisions.wanted(blueprint, generation):
            family, arn = arguments["family"], None
            if family in known:
                arn = revisions.found(blueprint, arguments, recorded, client)
            arns[family] = arn or ecs.register_task_definition(client, arguments)
    finally:
        if arns and record.names_all_definitions:
            records.add_task_definitions(environment, generation, sorted(arns.values()))
    return {"arns": arns}


@step
def handler(event: Event) -> Event:
    return register_task_definitions(
        event["environment"], event["generation"], records(), clients.ecs_sent_once()
    )
