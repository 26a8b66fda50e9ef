"""ECS's checks of roles: its own service-linked role, and roles that tasks can assume."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.models import iam_backends

from localcloud.account import Account, create_service_linked_role
from localcloud.ecs import errors
from localcloud.ecs.model import TaskDefinition


def require_service_linked_role(account: Account) -> None:
    """ECS creates it at its first use in an account, and fails until it exists (C01, S04)."""
    if all(role.arn != account.service_linked_role_arn for role in _roles(account)):
        create_service_linked_role()
        raise errors.invalid_parameter(
            "Unable to assume the service linked role. "
            "Please verify that the ECS service linked role exists."
        )


def role_not_assumable(account: Account, definition: TaskDefinition) -> str | None:
    """The ARN of a role that is missing or does not trust ECS tasks (H18); None if all are fine."""
    trusting = {r.arn for r in _roles(account) if _trusts_tasks(r.assume_role_policy_document)}
    for member in ("executionRoleArn", "taskRoleArn"):
        arn = definition.definition.get(member)
        if isinstance(arn, str) and arn.startswith("arn:") and arn not in trusting:
            return arn
    return None


def _roles(account: Account) -> list[Any]:
    return list(iam_backends[account.account_id]["aws"].roles.values())


def _trusts_tasks(trust_policy: str) -> bool:
    statements = json.loads(trust_policy).get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if "ecs-tasks.amazonaws.com" in ([services] if isinstance(services, str) else services):
            return True
    return False
