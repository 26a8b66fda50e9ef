"""Register task definition: a revision only where the latest one of the family differs.

RegisterTaskDefinition has no idempotency token, so a content hash in a tag takes its place: a call
whose answer was lost is found here when the step runs again, and never sent again before (T03).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bivouac import naming
from bivouac.aws import clients, ecs
from bivouac.aws.faults import translated
from bivouac.aws.holding import held
from bivouac.blueprint import Blueprint, from_ecs_tags, register_task_definition_arguments
from bivouac.errors import RefusedByAwsError
from bivouac.observability import Event, step
from bivouac.preflight import require_owned

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient


def register_task_definition(blueprint: Blueprint, service_name: str, client: ECSClient) -> Event:
    """The ARN with revision that the service is to run; never read back by family (T09)."""
    service = blueprint.service(service_name)
    if service.definition is None:
        return {"taskDefinitionArn": service.existing_definition}
    arguments = register_task_definition_arguments(blueprint, service)
    family = arguments["family"]
    wanted = from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]
    try:
        latest, tags = ecs.describe_task_definition(client, family)
    except RefusedByAwsError:
        latest, tags = None, {}
    if latest is not None:
        require_owned(
            f"the task definition family {family}", tags, blueprint.stack, blueprint.environment
        )
        if latest["status"] == "ACTIVE" and tags.get(naming.SPECIFICATION_TAG) == wanted:
            return {"taskDefinitionArn": latest["taskDefinitionArn"]}
    with translated(f"task definition {family}"):
        answer = client.register_task_definition(**arguments)
    return {"taskDefinitionArn": answer["taskDefinition"]["taskDefinitionArn"]}


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return register_task_definition(blueprint, event["serviceName"], clients.ecs_sent_once())
