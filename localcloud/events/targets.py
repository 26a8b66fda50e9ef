"""What events and schedules are delivered to: state machines, functions, queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localcloud.events.delivery import GivenUp, NotDeliveredError

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
"""A target that is not there, or that refuses, does so again."""


@dataclass(frozen=True)
class Targets:
    client: Callable[[str | None, str], Any]
    """(role ARN, service) -> a boto3 client. Without a role: EventBridge itself, which the target's
    own policy admits."""
    invoke_later: Callable[[str, str], None]
    """(function ARN, payload): Lambda's asynchronous Invoke. Raises FunctionNotFoundError."""

    def deliver(self, target: Mapping[str, Any], body: str) -> None:
        """Hand a JSON text to a target of a rule or a schedule. Raises NotDeliveredError."""
        arn: str = target["Arn"]
        service = arn.split(":")[2]
        role: str | None = target.get("RoleArn")
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
                    self.invoke_later(arn, body)
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

    def bury(
        self, queue_arn: str | None, body: str, attributes: Mapping[str, str], given_up: GivenUp
    ) -> None:
        """Put what could not be delivered on its dead-letter queue, if it has one."""
        if queue_arn is None:
            return
        named = {
            **attributes,
            "ERROR_CODE": given_up.error.code,
            "ERROR_MESSAGE": str(given_up.error)[:1024],
            "RETRY_ATTEMPTS": str(given_up.retries),
        }
        if given_up.condition:
            named["EXHAUSTED_RETRY_CONDITION"] = given_up.condition
        sqs = self.client(None, "sqs")
        sqs.send_message(
            QueueUrl=self._queue_url(sqs, queue_arn),
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in named.items()
            },
        )

    def _send(self, role: str | None, arn: str, body: str, options: Mapping[str, str]) -> None:
        sqs = self.client(role, "sqs")
        group = options.get("MessageGroupId")
        extra = {"MessageGroupId": group} if group else {}
        sqs.send_message(QueueUrl=self._queue_url(sqs, arn), MessageBody=body, **extra)

    @staticmethod
    def _queue_url(sqs: Any, arn: str) -> str:
        account, name = arn.split(":")[4:6]
        return f"{sqs.meta.endpoint_url}/{account}/{name}"
