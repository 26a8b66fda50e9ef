"""Delete task definitions: every revision that was registered for the environment.

The record lists them; if it does not, or not reliably, they are searched for. ECS keeps a deleted
revision in DELETE_IN_PROGRESS until nothing refers to it, so "deleting" is the honest outcome
(T12). An existing definition in a request is not ours and never touched. Repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Sequence

from bivouac import clock
from bivouac.aws import clients, ecs
from bivouac.aws.client_types import ECSClient
from bivouac.aws.ecs_answers import id_of
from bivouac.aws.listing import batches
from bivouac.deletion import revisions
from bivouac.deletion.receipt import ItemKind, Outcome, failures
from bivouac.deletion.step import Deletion
from bivouac.observability import Event, step
from bivouac.stack import held


def delete_task_definitions(
    deletion: Deletion, registered: Sequence[str], client: ECSClient
) -> Event:
    """The step's answer; `thorough`: whether the last poll must read each revision.

    `registered`: the ARNs in the record, none if it is not reliable."""
    active, inactive = list(registered), list[str]()
    if not registered or deletion.before:
        active, inactive = revisions.found(deletion, client)
    for arn in active:
        with deletion.attempt(ItemKind.TASK_DEFINITION, id_of(arn)):
            ecs.deregister_task_definition(client, arn)
            inactive.append(arn)
    for batch in batches(inactive, ecs.DEFINITIONS_A_DELETION):
        names = [id_of(arn) for arn in batch]
        with deletion.attempt(ItemKind.TASK_DEFINITION, *names):
            kept = ecs.delete_task_definitions(client, batch)
            for name in names:
                outcome = Outcome.FAILED if name in kept else Outcome.DELETING
                deletion.note(ItemKind.TASK_DEFINITION, name, outcome, kept.get(name, ""))
    return deletion.answer() | {"thorough": bool(failures(deletion.now))}


@step
def handler(event: Event) -> Event:
    record = held(event)
    deletion = Deletion.from_event(record.planned, event, clock.now())
    reliable = event["recorded"] and record.names_all_definitions
    registered = sorted(record.task_definitions) if reliable else ()
    return delete_task_definitions(deletion, registered, clients.ecs())
