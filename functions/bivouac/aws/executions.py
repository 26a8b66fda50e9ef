"""Reads, starts, resumes and stops executions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from bivouac import errors
from bivouac.aws import stepfunctions_answers
from bivouac.aws.client_types import SFNClient
from bivouac.aws.errors import code_of, tolerated, translated
from bivouac.aws.listing import pages
from bivouac.aws.stepfunctions_answers import Execution
from bivouac.environment import naming
from bivouac.observability import logger

EXECUTIONS_A_PAGE = 1000
"""The maximum of ListExecutions; its default is 100."""


def described(client: SFNClient, execution_arn: str) -> Execution | None:
    """None if there is no such execution: it never began, is no longer kept (W06), or the ARN is
    empty or invalid."""
    if not execution_arn:
        return None
    with (
        translated(f"execution {execution_arn}"),
        tolerated(stepfunctions_answers.NO_EXECUTION),
    ):
        answer = client.describe_execution(executionArn=execution_arn)
        return Execution.of(answer)
    return None


def running(client: SFNClient, machine_arn: str) -> set[str]:
    """ARNs of a machine's running executions. New ones may be missing (W06)."""
    return {each["executionArn"] for each in _listed(client, machine_arn, "RUNNING")}


def broken(client: SFNClient, machine_arn: str, since: datetime, until: datetime) -> Iterator[str]:
    """ARNs of the executions that failed or timed out in this period, the newest first."""
    for status in stepfunctions_answers.BROKEN:
        for each in _listed(client, machine_arn, status):
            if each["startDate"] < since - LONGEST_EXECUTION:
                break
            if since <= each["stopDate"] <= until:
                yield each["executionArn"]


def _listed(client: SFNClient, machine_arn: str, status: str) -> Iterator[Any]:
    """The newest first."""
    return pages(
        f"executions of {machine_arn}",
        client,
        "list_executions",
        "executions",
        stateMachineArn=machine_arn,
        statusFilter=status,
        PaginationConfig={"PageSize": EXECUTIONS_A_PAGE},
    )


def is_running(client: SFNClient, execution_arn: str) -> bool:
    """Eventually consistent, so it only decides whether to wait, never whether to act (W06)."""
    found = described(client, execution_arn)
    return found is not None and found.is_at_work


LONGEST_EXECUTION = timedelta(hours=5)
"""Redeploying may take 15,300 seconds (statemachine/redeploy_environment.asl.yaml)."""


def ending(client: SFNClient, execution_arn: str) -> tuple[str, str] | None:
    """The error and the cause of one that ended without success. None: it never began.

    Raises NotYetConsistentError while it runs; an answer may say so for a moment too long (W06)."""
    found = described(client, execution_arn)
    if found is None:
        return None
    if found.is_at_work:
        raise errors.NotYetConsistentError(f"execution {execution_arn}: it is {found.status}")
    silent = stepfunctions_answers.unexplained_end(found.status)
    cause = found.cause or f"the execution {found.name}: {silent}"
    return found.error or found.status, cause


def stop(client: SFNClient, execution_arn: str, cause: str) -> None:
    """End an execution. That skips every Catch, and a function that it called goes on (W13)."""
    with (
        translated(f"execution {execution_arn}"),
        tolerated(stepfunctions_answers.NO_EXECUTION),
    ):
        client.stop_execution(executionArn=execution_arn, error="StoppedError", cause=cause)


def resume(client: SFNClient, token: str, answer: Mapping[str, Any], subject: str) -> bool:
    """Answer the task of `token`. False: it was already answered, has timed out, or its execution
    was stopped. `subject`: what errors are about."""
    with translated(subject):
        try:
            client.send_task_success(taskToken=token, output=json.dumps(answer))
        except ClientError as error:
            if code_of(error) not in stepfunctions_answers.STALE_TOKEN:
                raise
            logger.info("stale token dropped", reason=str(error))
            return False
    return True


@dataclass(frozen=True)
class Started:
    name: str
    anew: bool
    """No earlier call had started it, or it still runs
    (tests/recorded/stepfunctions-start-again.json)."""


def start(
    client: SFNClient,
    machine_arn: str,
    name: str,
    content: Mapping[str, Any],
    since: datetime | None = None,
) -> Started:
    """Start an execution once.

    An execution with its name is ours only with the same input, and only if it did not begin before
    `since`: an earlier one did nothing, because what it names did not exist yet. Anyone who may
    start executions can take a name for 90 days; ours then gets another one. Starting it twice does
    no harm: the record decides what an execution may do."""
    if _start(client, machine_arn, name, content):
        return Started(name, anew=True)
    before = described(client, stepfunctions_answers.arn_of(machine_arn, name))
    if before is None:
        raise errors.NotYetConsistentError(f"execution {name}: it exists but is not found")
    if _is_ours(before, content, since):
        return Started(name, anew=False)
    other = naming.another_execution(name)
    logger.warning("execution name taken by another", execution=before.arn, instead=other)
    if not _start(client, machine_arn, other, content):
        raise errors.NotYetConsistentError(f"execution {other}: it exists as well")
    return Started(other, anew=True)


def _is_ours(before: Execution, content: Mapping[str, Any], since: datetime | None) -> bool:
    early = since is not None and before.started_at is not None and before.started_at < since
    return not early and before.content == json.loads(json.dumps(content))


def _start(client: SFNClient, machine_arn: str, name: str, content: Mapping[str, Any]) -> bool:
    """False if one with this name has ended, or runs with another input."""
    with translated(f"execution {name}"), tolerated(stepfunctions_answers.STARTED_BEFORE):
        client.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(content))
        return True
    return False
