"""Lambda's asynchronous Invoke: an event is tried three times, then goes to the failure
destination."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from localcloud.awslambda.names import LATEST, FunctionName
from localcloud.awslambda.workers import Outcome, Workers
from localcloud.events.delivery import Delivery, DeliveryQueue, GivenUp, NotDeliveredError, Retry
from localcloud.events.targets import Targets
from localcloud.iam.access import Access

RETRIES = 2
MAX_AGE = 21_600.0
FIRST_RETRY_AFTER = 60.0
"""Seconds; W15 and Lambda's page on asynchronous invocation."""


class AsynchronousInvocations:
    """Accepts events for functions; see `localcloud.awslambda.api.AsyncInvoker`."""

    def __init__(
        self,
        queue: DeliveryQueue,
        workers: Workers,
        client: Callable[[str | None, str], Any],
        refusal: Callable[[str, Access], str | None],
    ) -> None:
        self._queue = queue
        self._workers = workers
        self._client = client
        self._destinations = Targets(client, self, refusal)

    def __call__(self, function_arn: str, payload: str) -> None:
        function = self._workers.find(function_arn)
        qualifier = FunctionName.of(function_arn).qualifier or LATEST
        outcomes: list[Outcome] = []

        def attempt() -> None:
            outcome = self._workers.invoke(function_arn, payload)
            if outcome.error:
                outcomes.append(outcome)
                message = str(json.loads(outcome.payload).get("errorMessage"))
                raise NotDeliveredError(outcome.error, message, final=False)

        def give_up(given_up: GivenUp) -> None:
            destination = self._settings(function.name, qualifier).get("DestinationConfig", {})
            if arn := destination.get("OnFailure", {}).get("Destination"):
                record = _record_of(f"{function.arn}:{qualifier}", payload, outcomes[-1], given_up)
                # With the function's own role (Lambda's page on asynchronous destinations).
                self._destinations.deliver({"Arn": arn, "RoleArn": function.role_arn}, record)

        settings = self._settings(function.name, qualifier)
        retry = Retry(
            attempts=settings.get("MaximumRetryAttempts", RETRIES),
            max_age=settings.get("MaximumEventAgeInSeconds", MAX_AGE),
            first_delay=FIRST_RETRY_AFTER,
            max_delay=2 * FIRST_RETRY_AFTER,
        )
        self._queue.submit(Delivery(function.arn, attempt, retry, give_up))

    def _settings(self, function_name: str, qualifier: str) -> dict[str, Any]:
        """The EventInvokeConfig of the version or alias: each has its own, or none."""
        try:
            settings: dict[str, Any] = self._client(
                None, "lambda"
            ).get_function_event_invoke_config(FunctionName=function_name, Qualifier=qualifier)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return {}
        return settings


_CONDITIONS = {"MaximumEventAgeInSeconds": "EventAgeExceeded"}


def _record_of(function_arn: str, payload: str, outcome: Outcome, given_up: GivenUp) -> str:
    """The message that a failure destination gets."""
    return json.dumps(
        {
            "version": "1.0",
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": function_arn,
                "condition": _CONDITIONS.get(given_up.condition or "", "RetriesExhausted"),
                "approximateInvokeCount": given_up.retries + 1,
            },
            "requestPayload": json.loads(payload),
            "responseContext": {
                "statusCode": 200,
                "executedVersion": outcome.version,
                "functionError": "Unhandled",
            },
            "responsePayload": json.loads(outcome.payload),
        }
    )
