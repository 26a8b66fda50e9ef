"""Whether another execution is still at work, how it ended, stopping it, and starting one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bivouac import errors
from bivouac.aws.faults import translated
from bivouac.record import HELD, Record

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


_AT_WORK = ("RUNNING", "PENDING_REDRIVE")


def is_running(client: SFNClient, execution_arn: str) -> bool:
    """Eventually consistent, so it only decides whether to wait, never who may act (W06)."""
    with translated(f"execution {execution_arn}"):
        try:
            answer = client.describe_execution(executionArn=execution_arn)
        except client.exceptions.ExecutionDoesNotExist:
            return False
    return answer["status"] in _AT_WORK


def another_holds(client: SFNClient, record: Record | None, execution_arn: str) -> bool:
    """Whether an execution other than this one is at work on the environment."""
    if record is None or record.status not in HELD or record.execution == execution_arn:
        return False
    return is_running(client, record.execution)


@dataclass(frozen=True)
class Ending:
    """How an execution ended that did not succeed."""

    error: str
    cause: str


def ending(client: SFNClient, execution_arn: str) -> Ending | None:
    """None where there is no such execution: it never began.

    Raises NotYetConsistentError while it runs, which an answer may say for a moment longer than it
    does (W06)."""
    with translated(f"execution {execution_arn}"):
        try:
            answer = client.describe_execution(executionArn=execution_arn)
        except client.exceptions.ExecutionDoesNotExist:
            return None
    status = answer["status"]
    if status in _AT_WORK:
        raise errors.NotYetConsistentError(f"execution {execution_arn}: it is {status}")
    return Ending(
        answer.get("error") or status, answer.get("cause") or f"{execution_arn} ended as {status}"
    )


def stop(client: SFNClient, execution_arn: str, cause: str) -> None:
    """End an execution. It skips every Catch, and a function that it called goes on (W13)."""
    with translated(f"execution {execution_arn}"):
        try:
            client.stop_execution(executionArn=execution_arn, error="StoppedError", cause=cause)
        except client.exceptions.ExecutionDoesNotExist:
            return


def start(client: SFNClient, machine_arn: str, name: str, content: Mapping[str, Any]) -> bool:
    """Start an execution once: False where one of this name runs or ran before (W05)."""
    with translated(f"execution {name}"):
        try:
            client.start_execution(
                stateMachineArn=machine_arn, name=name, input=json.dumps(content)
            )
        except client.exceptions.ExecutionAlreadyExists:
            return False
    return True
