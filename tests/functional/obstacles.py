"""What can be wrong in an account, set before its services are created, and AWS's words for it."""

from __future__ import annotations

import json
from collections.abc import Callable

import boto3

from localcloud.account import EXECUTION_ROLE_NAME
from tests.functional.account import BivouacAccount

Obstacle = Callable[[BivouacAccount], None]

NO_COMMAND = (
    "CannotStartContainerError: Error response from daemon: failed to create task for container: "
    'exec: "serve": executable file not found in $PATH: unknown'
)
OTHER_CPU = "image Manifest does not contain descriptor matching platform 'linux/amd64'"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


def cannot_pull(cause: str) -> str:
    return f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {cause}"


def refuses_placement(reason: str) -> Obstacle:
    return lambda account: account.plane.obstacles.refuse_placement("*", reason)


def fails_provisioning(reason: str, service: str = "*") -> Obstacle:
    return lambda account: account.plane.obstacles.fail_provisioning(service, reason)


def denies(delivery: str, action: str, resource: str = "") -> Obstacle:
    """To the execution role, in IAM's words. `delivery`: logs or secrets. The action begins with
    `action`, and the ARN contains `resource`."""
    who = f"arn:aws:sts::123456789012:assumed-role/{EXECUTION_ROLE_NAME}/0af1"

    def refusal(_: str, asked: str, arn: str) -> str | None:
        if not asked.startswith(action) or resource not in arn:
            return None
        return f"User: {who} is not authorized to perform: {asked} on resource: {arn}"

    return lambda account: setattr(getattr(account.plane.ecs, delivery), "refusal", refusal)


def distrusts_ecs(_: BivouacAccount) -> None:
    """Tasks may not assume the execution role."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    boto3.client("iam").update_assume_role_policy(
        RoleName=EXECUTION_ROLE_NAME,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
