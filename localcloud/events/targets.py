"""Delivers events and schedules to their targets: state machines, functions, queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from localcloud.awslambda.workers import FunctionNotFoundError
from localcloud.events.delivery import GivenUp, NotDeliveredError
from localcloud.iam.access import Access

_FINAL_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ExecutionAlreadyExists",
    "InvalidExecutionInput",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}
"""A missing target, or one that refuses, will do so again."""


@dataclass(frozen=True)
class Targets:
    client: Callable[[str | None, str], Any]
    """(role ARN, service) -> a boto3 client. Without a role: EventBridge itself, which the target's
    own policy admits."""
    invoke_later: Callable[[str, str], None]
    """(function ARN, payload): Lambda's asynchronous Invoke. Raises FunctionNotFoundError."""
    refusal: Callable[[str, Access], str | None]
    """`Guard.service_refusal`: why a service without a role may not."""

    def deliver(self, target: Mapping[str, Any], body: str, rule_arn: str | None = None) -> None:
        """Delivers a JSON text to a target of a rule or a schedule. Raises NotDeliveredError.

        `rule_arn` is set if a rule delivers: without a role, the target's own policy must admit it
        (EventBridge user guide, "Using resource-based policies for Amazon EventBridge")."""
        arn: str = target["Arn"]
        service = arn.split(":")[2]
        role: str | None = target.get("RoleArn")
        if role is None and rule_arn:
            self._require_admitted(rule_arn, arn)
        try:
            match service:
                case "states":
                    states = self.client(role, "stepfunctions")
                    states.start_execution(stateMachineArn=arn, input=body)
                case "lambda" if role:
                    self.client(role, "lambda").invoke(
                        FunctionName=arn, InvocationType="Event", Payload=body
                    )
                case "lambda":
                    self._invoke(arn, body)
                case "sqs":
                    self._send(role, arn, body, target.get("SqsParameters", {}))
                case _:
                    raise NotDeliveredError(
                        "UNSUPPORTED_TARGET",
                        f"the local cloud does not deliver to {service} ({arn})",
                        final=True,
                    )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise NotDeliveredError(code, str(error), final=code in _FINAL_CODES) from error
        except HTTPClientError as error:
            raise NotDeliveredError("InternalError", str(error), final=False) from error

    def bury(
        self,
        queue_arn: str | None,
        body: str,
        attributes: Mapping[str, str],
        given_up: GivenUp,
        *,
        role: str | None = None,
        rule_arn: str | None = None,
    ) -> None:
        """Sends an undeliverable event to its dead-letter queue, if it has one.

        A rule needs the queue's own policy, a schedule its role. Raises NotDeliveredError: the
        event is lost."""
        if queue_arn is None:
            return
        if rule_arn:
            self._require_admitted(rule_arn, queue_arn)
        named = {
            **attributes,
            "ERROR_CODE": given_up.error.code,
            "ERROR_MESSAGE": str(given_up.error)[:1024],
            "RETRY_ATTEMPTS": str(given_up.retries),
        }
        if given_up.condition:
            named["EXHAUSTED_RETRY_CONDITION"] = given_up.condition
        sqs = self.client(role, "sqs")
        sqs.send_message(
            QueueUrl=self._queue_url(sqs, queue_arn),
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in named.items()
            },
        )

    def _require_admitted(self, rule_arn: str, target_arn: str) -> None:
        action = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}.get(
            target_arn.split(":")[2]
        )
        if action is None:
            return
        # Whether a queue's policy also sees aws:SourceAccount is not known.
        keys = {"aws:SourceArn": (rule_arn,)}
        if refusal := self.refusal("events.amazonaws.com", Access(action, target_arn, keys)):
            raise NotDeliveredError("NO_PERMISSIONS", refusal, final=True)

    def _invoke(self, arn: str, body: str) -> None:
        try:
            self.invoke_later(arn, body)
        except FunctionNotFoundError as error:
            raise NotDeliveredError("ResourceNotFoundException", str(error), final=True) from error

    def _send(self, role: str | None, arn: str, body: str, options: Mapping[str, str]) -> None:
        sqs = self.client(role, "sqs")
        group = options.get("MessageGroupId")
        extra = {"MessageGroupId": group} if group else {}
        sqs.send_message(QueueUrl=self._queue_url(sqs, arn), MessageBody=body, **extra)

    @staticmethod
    def _queue_url(sqs: Any, arn: str) -> str:
        account, name = arn.split(":")[4:6]
        return f"{sqs.meta.endpoint_url}/{account}/{name}"


def delivery_problem(target: Mapping[str, Any]) -> str | None:
    """What is wrong with a target's retry policy or dead-letter queue; None if nothing is.

    Limits are those of the API references' RetryPolicy and DeadLetterConfig (W03)."""
    policy = target.get("RetryPolicy") or {}
    for member, lowest, highest in (
        ("MaximumRetryAttempts", 0, 185),
        ("MaximumEventAgeInSeconds", 60, 86_400),
    ):
        if member in policy and not lowest <= policy[member] <= highest:
            return (
                f"Value {policy[member]} at RetryPolicy.{member} failed to satisfy constraint: "
                f"Member must have a value between {lowest} and {highest}"
            )
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue and (queue.split(":")[2] != "sqs" or queue.endswith(".fifo")):
        return f"DeadLetterConfig.Arn must be that of a standard SQS queue, not {queue}"
    return None
