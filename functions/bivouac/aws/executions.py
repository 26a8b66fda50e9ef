"""Whether another execution is still at work, and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
