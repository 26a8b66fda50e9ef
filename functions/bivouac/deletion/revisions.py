"""Finds an environment's task definition revisions where its record does not list them, or not
reliably: by the prefix of their families. Their tags decide."""

from __future__ import annotations

from bivouac.aws import ecs
from bivouac.aws.client_types import ECSClient
from bivouac.aws.ecs_answers import id_of
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment import naming


def found(deletion: Deletion, client: ECSClient) -> tuple[list[str], list[str]]:
    """ARNs of the ACTIVE and of the INACTIVE revisions that are ours.

    Notes those in DELETE_IN_PROGRESS, and ACTIVE ones that are not ours."""
    active: list[str] = []
    inactive: list[str] = []
    prefix = naming.family_prefix(deletion.blueprint.stack, deletion.blueprint.environment)
    with deletion.listing(ItemKind.TASK_DEFINITION, f"{prefix}*", several=True):
        for family in ecs.families(client, prefix):
            with deletion.listing(ItemKind.TASK_DEFINITION, family):
                for arn, tags in ecs.tagged_revisions(client, family, "ACTIVE"):
                    if deletion.may_delete(ItemKind.TASK_DEFINITION, id_of(arn), tags):
                        active.append(arn)
                for arn, tags in ecs.tagged_revisions(client, family, "INACTIVE"):
                    if deletion.blueprint.owns(tags):
                        inactive.append(arn)
                for arn, tags in ecs.tagged_revisions(client, family, "DELETE_IN_PROGRESS"):
                    if deletion.blueprint.owns(tags):
                        name = id_of(arn)
                        deletion.note(ItemKind.TASK_DEFINITION, name, Outcome.DELETING)
    return active, inactive
