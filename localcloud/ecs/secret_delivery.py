"""Fetches the secrets of a task's containers before any of them starts.

Texts: stopped reasons that people published in 2026; RequestID differs each time (H08).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from localcloud.account import Account
from localcloud.ecs.model import Task

_RETRIED = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
    "retrieval failed: {failed}: service call has been retried 1 time(s): "
)
_FROM_SECRETS_MANAGER = _RETRIED.format(failed="unable to retrieve secret from asm")
_FROM_PARAMETER_STORE = _RETRIED.format(failed="unable to retrieve secrets from ssm")

Refusal = Callable[[str, str, str], str | None]
"""(role ARN, action, resource) -> why the role may not, in AWS's words; None if it may."""


class SecretError(Exception):
    """The stopped reason of a task that did not get its secrets."""


class SecretDelivery:
    """Reads moto's Secrets Manager and Parameter Store. Called with the control plane's lock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.refusal: Refusal = lambda role_arn, action, resource: None
        """Replaced where roles are checked against their policies."""

    def deliver(self, task: Task) -> None:
        """Gives the containers their secrets. Raises SecretError."""
        for container in task.containers:
            container.secrets = {
                item["name"]: self._value(task, item["valueFrom"])
                for item in container.definition.get("secrets", ())
            }

    def _value(self, task: Task, value_from: str) -> str:
        if value_from.startswith("arn:") and value_from.split(":")[2] == "secretsmanager":
            return self._secret(task, value_from)
        return self._parameter(task, value_from)

    def _secret(self, task: Task, value_from: str) -> str:
        parts = value_from.split(":")
        arn, key = ":".join(parts[:7]), parts[7] if len(parts) > 7 else ""
        fetching = (
            f"{_FROM_SECRETS_MANAGER}failed to fetch secret {arn} from secrets manager: "
            f"{_response('Secrets Manager', 'GetSecretValue')}"
        )
        denied = self._denied(task, "secretsmanager:GetSecretValue", arn)
        if denied is not None:
            raise SecretError(f"{fetching}api error AccessDeniedException: {denied}")
        store = secretsmanager_backends[self._account.account_id][self._account.region].secrets
        secret: Any = store.get(arn)
        if secret is None:
            raise SecretError(
                f"{fetching}ResourceNotFoundException: "
                "Secrets Manager can't find the specified secret."
            )
        version: Mapping[str, Any] = secret.versions.get(secret.default_version_id, {})
        text = str(version.get("secret_string", ""))
        if not key:
            return text
        values = _object(text)
        if key not in values:
            raise SecretError(
                f"{_FROM_SECRETS_MANAGER}retrieved secret from Secrets Manager did not contain "
                f"json key {key}"
            )
        return str(values[key])

    def _parameter(self, task: Task, value_from: str) -> str:
        name = value_from.partition(":parameter")[2] or value_from
        resource = self._account.arn("ssm", f"parameter/{name.lstrip('/')}")
        denied = self._denied(task, "ssm:GetParameters", resource)
        if denied is not None:
            raise SecretError(
                f"{_FROM_PARAMETER_STORE}{_response('SSM', 'GetParameters')}"
                f"api error AccessDeniedException: {denied}"
            )
        store = ssm_backends[self._account.account_id][self._account.region]
        # A name may appear in an ARN with or without its first slash.
        names = {name, name.lstrip("/")}
        found = [parameter for item in names if (parameter := store.get_parameter(item))]
        if not found:
            raise SecretError(f"{_FROM_PARAMETER_STORE}invalid ssm parameters: {name}")
        return str(found[0].response_object(decrypt=True)["Value"])

    def _denied(self, task: Task, action: str, resource: str) -> str | None:
        role: str = task.definition.definition["executionRoleArn"]
        return self.refusal(role, action, resource)


def _response(service: str, operation: str) -> str:
    return (
        f"operation error {service}: {operation}, https response error StatusCode: 400, "
        f"RequestID: {uuid.uuid4()}, "
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
