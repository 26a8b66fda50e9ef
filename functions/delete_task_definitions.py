"""Delete task definitions: every revision of the environment's families.

ECS keeps a deleted revision in DELETE_IN_PROGRESS until nothing refers to it, so "deleting" is the
honest outcome (T12). An existing definition that a request named is not ours and never touched.
Repeating it is safe: revisions that are deleting already are only noted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bivouac import naming, pace
from bivouac.aws import clients, ecs
from bivouac.aws.batches import batches
from bivouac.aws.faults import translated
from bivouac.aws.holding import held
from bivouac.deletion import Deletion
from bivouac.observability import Event, step
from bivouac.receipt import Outcome

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient

KIND = "task definition"
A_CALL = 10


def delete_task_definitions(deletion: Deletion, client: ECSClient) -> Event:
    blueprint = deletion.blueprint
    prefix = naming.family_prefix(blueprint.stack, blueprint.environment)
    with deletion.looking(KIND, f"{prefix}*"):
        for family in ecs.families(client, prefix):
            with deletion.looking(KIND, family):
                _delete_family(deletion, family, client)
    return deletion.answer()


def _delete_family(deletion: Deletion, family: str, client: ECSClient) -> None:
    inactive = []
    for arn in ecs.revisions(client, family, "ACTIVE"):
        _, tags = ecs.describe_task_definition(client, arn)
        if not deletion.owned(tags):
            deletion.retain(KIND, _name(arn))
            continue
        with deletion.attempt(KIND, _name(arn)), translated(f"task definition {arn}"):
            client.deregister_task_definition(taskDefinition=arn)
            inactive.append(arn)
    for arn in ecs.revisions(client, family, "INACTIVE"):
        if arn not in inactive:
            _, tags = ecs.describe_task_definition(client, arn)
            if deletion.owned(tags):
                inactive.append(arn)
    for arn in ecs.revisions(client, family, "DELETE_IN_PROGRESS"):
        _, tags = ecs.describe_task_definition(client, arn)
        if deletion.owned(tags):
            deletion.note(KIND, _name(arn), Outcome.DELETING)
    for batch in batches(inactive, A_CALL):
        names = [_name(arn) for arn in batch]
        with deletion.attempt(KIND, *names), translated(f"task definitions of {family}"):
            answer = client.delete_task_definitions(taskDefinitions=batch)
            for definition in answer["taskDefinitions"]:
                deletion.note(KIND, _name(definition["taskDefinitionArn"]), Outcome.DELETING)
            for failure in answer["failures"]:
                reason = failure.get("reason", "no reason")
                deletion.note(KIND, _name(failure["arn"]), Outcome.FAILED, reason)


def _name(arn: str) -> str:
    """family:revision."""
    return arn.rpartition("/")[2]


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event), event, datetime.now(UTC), pace.OPERATION)
    return delete_task_definitions(deletion, clients.ecs())
