"""Create log groups: before any task, because a task without its log group does not start (H09).

Repeating it is safe: existing groups of ours are left unchanged.
"""

from __future__ import annotations

from bivouac.aws import clients, log_groups
from bivouac.aws.client_types import CloudWatchLogsClient
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.ownership import require_owned
from bivouac.observability import Event, step
from bivouac.stack import held


def create_log_groups(
    blueprint: Blueprint, retention_days: int, client: CloudWatchLogsClient
) -> Event:
    """The newly created groups.

    Sets the retention of a group again if the step that created it died before it did."""
    prefix = naming.log_group_prefix(blueprint.stack, blueprint.environment)
    existing = log_groups.find(client, prefix)
    made = []
    for name in blueprint.log_groups:
        if group := existing.get(name):
            tags = log_groups.tags_of(client, group.arn)
            require_owned(f"the log group {name}", tags, blueprint)
        else:
            log_groups.create(client, name, blueprint.ownership_tags)
            made.append(name)
        if group is None or group.retention_days != retention_days:
            log_groups.keep_for(client, name, retention_days)
    return {"created": made}


@step
def handler(event: Event) -> Event:
    return create_log_groups(held(event).planned, int(event["retentionDays"]), clients.logs())
