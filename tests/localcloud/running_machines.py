"""Test state machines and functions on a local cloud, with one role that may do everything."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.awslambda.function import Function, VpcConfig
from localcloud.cloud import LocalCloud
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true

FUNCTIONS = Path(__file__).parent / "data" / "functions"
ROLE = "arn:aws:iam::123456789012:role/machine"
FOREVER = {"Type": "Wait", "Seconds": 1_000_000, "End": True}


@contextmanager
def cloud_with_role() -> Iterator[LocalCloud]:
    with LocalCloud(TEST, runtime="scripted", port=0) as cloud:
        iam = cloud.client("iam")
        name = ROLE.rpartition("/")[2]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": everything})
        iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=policy)
        yield cloud


def function(
    cloud: LocalCloud, handler: str, *, timeout: float = 10, vpc: VpcConfig | None = None
) -> str:
    """The ARN of a new function of tests/localcloud/data/functions."""
    name = f"{handler.replace('.', '-')}-{uuid.uuid4().hex[:8]}"
    arn = f"arn:aws:lambda:ap-northeast-1:123456789012:function:{name}"
    made = Function(name, arn, FUNCTIONS, handler, ROLE, timeout=timeout, vpc=vpc)
    cloud.workers.register(made)
    return arn


def machine(sfn: Any, states: dict[str, Any], **top: Any) -> str:
    """The ARN of a new state machine that starts with its first state."""
    definition = {"StartAt": next(iter(states)), "States": states, **top}
    arn: str = sfn.create_state_machine(
        name=f"m-{uuid.uuid4().hex}", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    return arn


def start(sfn: Any, machine_arn: str, input_: Any = None, **arguments: Any) -> str:
    arn: str = sfn.start_execution(
        stateMachineArn=machine_arn, input=json.dumps(input_ or {}), **arguments
    )["executionArn"]
    return arn


def ended(sfn: Any, execution_arn: str, timeout: float = 20) -> dict[str, Any]:
    """Its description as soon as it no longer runs."""
    described: dict[str, Any] = {}

    def has_ended() -> bool:
        described.clear()
        described.update(sfn.describe_execution(executionArn=execution_arn))
        return described["status"] != "RUNNING"

    until_true(has_ended, timeout)
    return described


def run(sfn: Any, states: dict[str, Any], input_: Any = None, **top: Any) -> dict[str, Any]:
    return ended(sfn, start(sfn, machine(sfn, states, **top), input_))


def events(sfn: Any, execution_arn: str) -> list[dict[str, Any]]:
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [event for page in pages for event in page["events"]]


def history(sfn: Any, execution_arn: str) -> list[str]:
    return [event["type"] for event in events(sfn, execution_arn)]


def task(resource: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True, **more}


def until_waiting(sfn: Any, execution_arn: str) -> None:
    until_true(lambda: "WaitStateEntered" in history(sfn, execution_arn))
