"""Delete log groups: once the services are gone, in parallel with the namespace.

No late log line recreates a group (D15), because planning removes awslogs-create-group from every
definition; if one reappears all the same, the last poll finds it. Repeating it is safe: deleted
groups are no longer listed.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients, log_groups
from bivouac.aws.client_types import CloudWatchLogsClient
from bivouac.deletion.receipt import ItemKind, Outcome
from bivouac.deletion.step import Deletion
from bivouac.environment import naming
from bivouac.observability import Event, step
from bivouac.stack import held


def delete_log_groups(deletion: Deletion, client: CloudWatchLogsClient) -> Event:
    blueprint = deletion.blueprint
    prefix = naming.log_group_prefix(blueprint.stack, blueprint.environment)
    with deletion.listing(ItemKind.LOG_GROUP, f"{prefix}*", several=True):
        found = log_groups.find(client, prefix)
        for name in sorted({*blueprint.log_groups, *found}):
            with deletion.attempt(ItemKind.LOG_GROUP, name):
                group = found.get(name)
                tags = log_groups.tags_of(client, group.arn) if group else None
                if deletion.may_delete(ItemKind.LOG_GROUP, name, tags):
                    there = log_groups.delete(client, name)
                    outcome = Outcome.DELETED if there else Outcome.ALREADY_GONE
                    deletion.note(ItemKind.LOG_GROUP, name, outcome)
    return deletion.answer()


@step
def handler(event: Event) -> Event:
    deletion = Deletion.from_event(held(event).planned, event, clock.now())
    return delete_log_groups(deletion, clients.logs())
