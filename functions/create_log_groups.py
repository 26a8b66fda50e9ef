"""Create log groups: before any task, because one whose log group is missing does not start (H09).

Repeating it is safe: groups that exist and are ours are left as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bivouac.aws import clients, log_groups
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.ownership import require_owned
from bivouac.observability import Event, step
from bivouac.services.create_first import created
from bivouac.stack import held

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient


def create_log_groups(
    blueprint: Blueprint, retention_days: int, client: CloudWatchLogsClient, look: bool = True
) -> Event:
    """The groups that were created now. Without a `look` nothing is taken to be there.

    Retention is set again on groups that were made by a step which then died."""
    prefix = naming.log_group_prefix(blueprint.stack, blueprint.environment)
    existing = log_groups.find(client, prefix) if look else {}
    made = []
    for name in blueprint.log_groups:
        if group := existing.get(name):
            tags = log_groups.tags_of(client, group.arn)
            require_owned(f"the log group {name}", tags, blueprint.stack, blueprint.environment)
        if group is None:
            log_groups.create(client, name, blueprint.ownership_tags)
            made.append(name)
        if group is None or group.retention_days != retention_days:
            log_groups.keep_for(client, name, retention_days)
    return {"created": made}


@step
def handler(event: Event) -> Event:
    blueprint, days = held(event), int(event["retentionDays"])
    return created(
        lambda look: create_log_groups(blueprint, days, clients.logs(), look),
        fresh=event["fresh"],
    )
