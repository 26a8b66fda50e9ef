"""Whether another execution is still at work, stopping it, and starting one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bivouac.aws.faults import translated

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


def is_running(client: SFNClient, execution_arn: str) -> bool:
    """Eventually consistent, so it only decides whether to wait, never who may act (W06)."""
    with translated(f"execution {execution_arn}"):
        try:
            answer = client.describe_execution(executionArn=execution_arn)
        except client.exceptions.ExecutionDoesNotExist:
            return False
    return answer["status"] in ("RUNNING", "PENDING_REDRIVE")


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
