"""Delete task definitions: every revision that was registered for the environment.

The record lists them. If it does not, or not reliably, they are found by the prefix of their
families, and their tags decide. ECS keeps a deleted revision in DELETE_IN_PROGRESS until nothing
refers to it, so "deleting" is the honest outcome (T12). An existing definition in a request is not
ours and never touched. Repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Sequence

from bivouac import clock
from bivouac.aws import clients, ecs
from bivouac.aws.batches import batches
from bivouac.aws.client_types import ECSClient
from bivouac.aws.ecs import revision_name
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.observability import Event, step
from bivouac.stack import records


def delete_task_definitions(
    deletion: Deletion, registered: Sequence[str], client: ECSClient
) -> Event:
    """The step's answer; `thorough`: whether the last poll must read each revision.

    `registered`: the ARNs in the record, none if it is not reliable."""
    inactive: list[str] = []
    if registered and not deletion.before:
        inactive = _deregistered(deletion, registered, client)
    else:
        prefix = naming.family_prefix(deletion.blueprint.stack, deletion.blueprint.environment)
        with deletion.listing(ItemKind.TASK_DEFINITION, f"{prefix}*"):
            for family in ecs.families(client, prefix):
                with deletion.listing(ItemKind.TASK_DEFINITION, family):
                    inactive += _found_inactive(deletion, family, client)
    _delete(deletion, inactive, client)
    return deletion.answer() | {"thorough": deletion.failed}


def _deregistered(deletion: Deletion, arns: Sequence[str], client: ECSClient) -> list[str]:
    inactive = []
    for arn in arns:
        with deletion.attempt(ItemKind.TASK_DEFINITION, revision_name(arn)):
            ecs.deregister_task_definition(client, arn)
            inactive.append(arn)
    return inactive


def _found_inactive(deletion: Deletion, family: str, client: ECSClient) -> list[str]:
    """The family's revisions that are ours and can now be deleted."""
    active = []
    for arn in ecs.revisions(client, family, "ACTIVE"):
        if _ours(deletion, arn, client):
            active.append(arn)
        else:
            deletion.retain(ItemKind.TASK_DEFINITION, revision_name(arn))
    inactive = _deregistered(deletion, active, client)
    for arn in ecs.revisions(client, family, "INACTIVE"):
        if arn not in inactive and _ours(deletion, arn, client):
            inactive.append(arn)
    for arn in ecs.revisions(client, family, "DELETE_IN_PROGRESS"):
        if _ours(deletion, arn, client):
            deletion.note(ItemKind.TASK_DEFINITION, revision_name(arn), Outcome.DELETING)
    return inactive


def _ours(deletion: Deletion, arn: str, client: ECSClient) -> bool:
    _, tags = ecs.describe_task_definition(client, arn)
    return deletion.owned(tags)


def _delete(deletion: Deletion, arns: Sequence[str], client: ECSClient) -> None:
    for batch in batches(arns, ecs.DEFINITIONS_A_DELETION):
        names = [revision_name(arn) for arn in batch]
        with deletion.attempt(ItemKind.TASK_DEFINITION, *names):
            kept = ecs.delete_task_definitions(client, batch)
            for name in names:
                outcome = Outcome.FAILED if name in kept else Outcome.DELETING
                deletion.note(ItemKind.TASK_DEFINITION, name, outcome, kept.get(name, ""))


@step
def handler(event: Event) -> Event:
    record = records().current(event["environment"], event["generation"])
    deletion = Deletion.from_event(Blueprint.from_json(record.content), event, clock.now())
    reliable = event["recorded"] and record.names_all_definitions
    registered = sorted(record.task_definitions) if reliable else ()
    return delete_task_definitions(deletion, registered, clients.ecs())
