"""Guard stack: CloudFormation deletes nothing of the stack while environments live in it, and
nothing while somebody else's rules would keep its security groups.

It is the function of a custom resource that needs everything else, so it is asked first.
CloudFormation waits for the answer, so there always is one: where it cannot be known, FAILED.
Repeating it is safe: it reads, and answers the same request again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bivouac import stack_guard
from bivouac.aws import clients, cloudformation, cloudformation_answers, network
from bivouac.aws.environments_table import Records
from bivouac.aws.errors import is_missing
from bivouac.environment.record import Status
from bivouac.errors import RefusedByAwsError
from bivouac.observability import Event, logger, step
from bivouac.settings import AnswerSettings, machine_arn
from bivouac.stack import records

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


def guard_stack(
    event: Event,
    records: Records,
    ec2: EC2Client,
    delete_machine: str,
    is_rolled_back: Callable[[str], bool] = lambda _: False,
) -> str:
    """Why the stack must stay as it is; empty where what is asked may be done.

    An update that was refused is asked for once more, the other way round, and must not be refused
    again: nobody could update the stack any more. `is_rolled_back` tells it of a stack's id."""
    match event["RequestType"]:
        case cloudformation_answers.DELETE:
            groups = event["ResourceProperties"].get("SecurityGroups", [])
            refusals = (
                stack_guard.refusal_of_deletion(living(records), delete_machine),
                stack_guard.refusal_of_references(network.references(ec2, groups)),
            )
            return " ".join(refusal for refusal in refusals if refusal)
        case cloudformation_answers.UPDATE:
            refusal = stack_guard.refusal_of_update(
                event["OldResourceProperties"], event["ResourceProperties"]
            )
            return "" if refusal and is_rolled_back(event["StackId"]) else refusal
        case _:
            return ""


def living(records: Records) -> list[str]:
    """The names of the environments that are not deleted. None where there is no table."""
    try:
        listed = records.listed()
    except RefusedByAwsError as error:
        if is_missing(error):
            return []
        raise
    # What is deleted is listed for as long as nobody could be told of it
    return [each.environment for each in listed if each.status is not Status.DELETED]


@step
def handler(event: Event) -> Event:
    try:
        rolled_back = partial(cloudformation.is_rolled_back, clients.cloudformation())
        refusal = guard_stack(
            event, records(), clients.ec2(), machine_arn("delete_environment"), rolled_back
        )
    except Exception as error:
        logger.exception("not known whether the stack may go")
        refusal = f"It is not known whether the stack may be changed: {error}"
    body = stack_guard.answer(event, refusal)
    cloudformation.send(event["ResponseURL"], body, AnswerSettings.from_env())
    return {"status": "FAILED" if refusal else "SUCCESS", "reason": refusal}
