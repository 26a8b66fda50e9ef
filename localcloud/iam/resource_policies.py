"""Policies attached to resources: event buses, queues, functions."""

from __future__ import annotations

import json
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda_simple.models import lambda_simple_backends
from moto.events.models import events_backends
from moto.sqs.models import sqs_backends

from localcloud.account import Account
from localcloud.awslambda.names import FunctionName
from localcloud.endpoint.locks import ServiceLocks

POLICED = ("events", "lambda", "sqs")
"""Services whose resources have policies."""


class ResourcePolicies:
    def __init__(self, account: Account, locks: ServiceLocks) -> None:
        self._account = account
        self._locks = locks

    def of(self, arn: str) -> str | None:
        """The policy's JSON; None if the resource has none, or cannot have one here."""
        service = arn.split(":")[2] if arn.startswith("arn:") else ""
        if service not in POLICED:
            return None
        with self._locks.of(service):
            match service:
                case "events":
                    bus = self._backend(events_backends).event_buses.get(arn.rpartition("/")[2])
                    policy: str | None = bus.policy if bus else None
                    return policy
                case "sqs":
                    queue = self._backend(sqs_backends).queues.get(arn.rpartition(":")[2])
                    return _text(queue.policy) if queue and queue.policy else None
                case _:
                    return self._of_function(arn)

    def _of_function(self, arn: str) -> str | None:
        name = FunctionName.of(arn)
        try:
            policy = self._backend(lambda_simple_backends).get_policy(name.name, name.qualifier)
        except LambdaClientError:
            return None
        text: str = json.loads(policy)["Policy"]
        return text

    def _backend(self, backends: Any) -> Any:
        return backends[self._account.account_id][self._account.region]


def _text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)
