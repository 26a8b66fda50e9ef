"""Calls of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bivouac.aws import logs_answers
from bivouac.aws.client_types import CloudWatchLogsClient
from bivouac.aws.errors import translated
from bivouac.errors import NotYetConsistentError


@dataclass(frozen=True)
class LogGroup:
    name: str
    arn: str
    """Without the trailing `:*`."""
    retention_days: int | None


def find(
    client: CloudWatchLogsClient, prefix: str, wait: Callable[[], None] = lambda: None
) -> dict[str, LogGroup]:
    """Log groups that begin with `prefix`, by name. `wait`: called before each page."""
    groups = []
    with translated(f"log groups {prefix}*"):
        wait()
        for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            groups += page["logGroups"]
            wait()
    return {
        group["logGroupName"]: LogGroup(
            group["logGroupName"], logs_answers.arn_of(group), group.get("retentionInDays")
        )
        for group in groups
    }


def create(client: CloudWatchLogsClient, name: str, tags: Mapping[str, str]) -> None:
    """Raises NotYetConsistentError if it exists: our own call may have created it and lost the
    answer (S21)."""
    with translated(f"log group {name}"):
        try:
            client.create_log_group(logGroupName=name, tags=tags)
        except client.exceptions.ResourceAlreadyExistsException:
            raise NotYetConsistentError(
                f"log group {name}: it exists, but was not listed just before"
            ) from None


def keep_for(client: CloudWatchLogsClient, name: str, days: int) -> None:
    with translated(f"log group {name}"):
        client.put_retention_policy(logGroupName=name, retentionInDays=days)


def delete(client: CloudWatchLogsClient, name: str) -> bool:
    """False: it was already gone."""
    with (
        translated(f"log group {name}"),
        suppress(client.exceptions.ResourceNotFoundException),
    ):
        client.delete_log_group(logGroupName=name)
        return True
    return False


def tags_of(client: CloudWatchLogsClient, arn: str) -> dict[str, str]:
    with translated(arn):
        return dict(client.list_tags_for_resource(resourceArn=arn)["tags"])


PAGES = 3
"""An answer of GetLogEvents can be empty although earlier pages are not."""


def last_messages(client: CloudWatchLogsClient, group: str, stream: str, limit: int) -> list[str]:
    """The end of a stream, oldest first, as written; empty if it does not exist."""
    arguments: Any = {
        "logGroupName": group,
        "logStreamName": stream,
        "limit": limit,
        "startFromHead": False,
    }
    with translated(f"log stream {group} {stream}"):
        for _ in range(PAGES):
            try:
                answer = client.get_log_events(**arguments)
            except client.exceptions.ResourceNotFoundException:
                break
            earlier = answer["nextBackwardToken"]
            if answer["events"] or earlier == arguments.get("nextToken"):
                return [event["message"] for event in answer["events"]]
            arguments["nextToken"] = earlier
    return []
