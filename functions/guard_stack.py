"""Guard stack: keeps CloudFormation from deleting the stack while it has environments, or while
rules of others refer to its security groups.

It is the function of a custom resource that depends on everything else, so CloudFormation calls it
first. CloudFormation waits for the answer, so there always is one: FAILED in case of doubt.
Repeating it is safe: it only reads, and gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bivouac import stack_guard
from bivouac.aws import clients, cloudformation, cloudformation_answers, network
from bivouac.aws.client_types import EC2Client
from bivouac.aws.environments_table import Records
from bivouac.observability import Event, logger, step
from bivouac.settings import AnswerSettings, Machine
from bivouac.stack import records


def guard_stack(
    event: Event,
    records: Records,
    ec2: EC2Client,
    delete_machine: str,
    is_rolled_back: Callable[[str], bool] = lambda _: False,
) -> str:
    """Why the stack must stay as it is; empty if the request may proceed.

    CloudFormation rolls a refused update back with the opposite update. That must not be refused as
    well, or the stack could never be updated again. `is_rolled_back` says whether the stack of an
    id is being rolled back."""
    match event["RequestType"]:
        case cloudformation_answers.DELETE:
            groups = event["ResourceProperties"].get("SecurityGroups", [])
            refusals = (
                stack_guard.refusal_of_deletion(records.living(), delete_machine),
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


@step
def handler(event: Event) -> Event:
    try:
        rolled_back = partial(cloudformation.is_rolled_back, clients.cloudformation())
        refusal = guard_stack(event, records(), clients.ec2(), Machine.DELETE.arn, rolled_back)
    except Exception as error:
        logger.exception("could not find out whether the stack may change")
        refusal = f"Could not find out whether the stack may be changed: {error}"
    body = stack_guard.answer(event, refusal)
    cloudformation.send(event["ResponseURL"], body, AnswerSettings.from_env())
    return {"status": "FAILED" if refusal else "SUCCESS", "reason": refusal}
