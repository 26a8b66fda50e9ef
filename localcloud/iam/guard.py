"""Decides about every access of a role, and remembers its decisions."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.iam.models import iam_backends
from moto.logs import logs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from localcloud.credentials import Credentials
from localcloud.endpoint.calls import Call
from localcloud.iam.access import Access, Accesses
from localcloud.iam.policy import (
    Caller,
    Grant,
    Statement,
    grants_of,
    resource_statements_of,
    statements_of,
)
from localcloud.iam.resource_policies import POLICED, ResourcePolicies
from localcloud.strict import ControlPlane

_RESOURCE_TAG = "aws:ResourceTag/"


@dataclass(frozen=True)
class Decision:
    role_arn: str
    action: str
    resource: str
    grants: tuple[Grant, ...]
    """What allows it; empty if it was denied."""

    @property
    def allowed(self) -> bool:
        return bool(self.grants)


class Guard:
    """Checks accesses against the roles' policies as moto's IAM has them now."""

    def __init__(
        self, plane: ControlPlane, credentials: Credentials, policies: ResourcePolicies
    ) -> None:
        self._plane = plane
        self._policies = policies
        self._account = plane.account
        self._credentials = credentials
        self._accesses = Accesses(plane.account, self._passed_roles, self._machine_of_token)
        self._decisions: dict[Decision, None] = {}
        self._role_ids: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def decisions(self) -> list[Decision]:
        """Each once, in the order in which they were first made."""
        with self._lock:
            return list(self._decisions)

    @property
    def used_grants(self) -> set[Grant]:
        return {grant for decision in self.decisions for grant in decision.grants}

    def grants(self, role_arn: str) -> set[Grant]:
        """Everything that a role's inline policies allow."""
        with self._plane.lock:
            inline = dict(self._role(role_arn).policies)
        return {
            grant
            for name, text in inline.items()
            for grant in grants_of(role_arn, statements_of(name, text))
        }

    def refusal_of(self, call: Call) -> str | None:
        """Why a call is denied, in AWS's words; None if it is allowed.

        A person may do everything that no resource's policy denies."""
        role_arn = self._credentials.role_of(call.access_key_id)
        if role_arn is None and call.service not in POLICED:
            return None
        for access in self._accesses.of(call):
            refusal = self.refusal(role_arn, access) if role_arn else self._users_refusal(access)
            if refusal:
                return refusal
        return None

    def service_refusal(self, service: str, access: Access) -> str | None:
        """Why an AWS service (events.amazonaws.com) that has no role may not: only the resource's
        own policy admits it."""
        caller = Caller(self._account.account_id, service=service)
        context = _Context(access, self._plane, caller)
        covering = self._own_statements(access, context, caller)
        if covering and all(statement.effect == "Allow" for statement in covering):
            return None
        reason = "with an explicit deny in" if covering else "because no statement allows it in"
        return (
            f"{service} is not authorized to perform: {access.action} on resource: "
            f"{access.resource} {reason} its resource-based policy"
        )

    def refusal(self, role_arn: str, access: Access) -> str | None:
        """Why an access of a role is denied, in AWS's words; None if it is allowed."""
        caller = Caller(self._account.account_id, role_arn)
        context = _Context(access, self._plane, caller)
        own = self._own_statements(access, context, caller)
        covering = [
            statement
            for statement in self._statements(role_arn)
            if statement.covers(access.action, access.resource, context)
        ]
        reason = f"no identity-based policy allows the {access.action} action"
        allowing = [statement for statement in covering if statement.effect == "Allow"]
        # In one account either policy may allow (IAM User Guide, "Policy evaluation logic").
        allowing += [
            statement
            for statement in own
            if statement.effect == "Allow" and caller.is_granted_by(statement.principals or {})
        ]
        if any(statement.effect == "Deny" for statement in own):
            reason = "of an explicit deny in a resource-based policy"
            allowing = []
        elif any(statement.effect == "Deny" for statement in covering):
            reason = "of an explicit deny in an identity-based policy"
            allowing = []
        elif allowing and not self._within_boundary(role_arn, access, context):
            reason = f"no permissions boundary allows the {access.action} action"
            allowing = []
        grants = tuple(
            Grant(role_arn, statement.policy, statement.index, action)
            for statement in allowing
            if (action := statement.action_for(access.action))
        )
        with self._lock:
            self._decisions.setdefault(
                Decision(role_arn, access.action, access.resource, grants), None
            )
        if grants:
            return None
        role_name = role_arn.rpartition("/")[2]
        user = f"arn:aws:sts::{self._account.account_id}:assumed-role/{role_name}/{role_name}"
        return (
            f"User: {user} is not authorized to perform: {access.action} on resource: "
            f"{access.resource} because {reason}"
        )

    def _passed_roles(self, request: Mapping[str, Any]) -> list[str]:
        with self._plane.lock:
            return self._plane.ecs.services.passed_roles(dict(request))

    def _machine_of_token(self, token: str) -> str | None:
        backend = stepfunctions_parser_backends[self._account.account_id][self._account.region]
        machine: str | None = backend.machine_of(token)
        return machine

    def _users_refusal(self, access: Access) -> str | None:
        caller = Caller(self._account.account_id)
        own = self._own_statements(access, _Context(access, self._plane, caller), caller)
        if all(statement.effect == "Allow" for statement in own):
            return None
        return (
            f"User: {self._account.caller_arn} is not authorized to perform: {access.action} on "
            f"resource: {access.resource} because of an explicit deny in a resource-based policy"
        )

    def _own_statements(self, access: Access, context: _Context, caller: Caller) -> list[Statement]:
        """The statements of the resource's own policy that cover this access."""
        text = self._policies.of(access.resource)
        if text is None:
            return []
        return [
            statement
            for statement in resource_statements_of(f"policy of {access.resource}", text)
            if caller.is_named_by(statement.principals or {})
            and statement.covers(access.action, access.resource, context)
        ]

    def _within_boundary(self, role_arn: str, access: Access, context: _Context) -> bool:
        role = self._role(role_arn)
        if role is None or not role.permissions_boundary_arn:
            return True
        policy = self._iam.managed_policies[role.permissions_boundary_arn]
        covering = [
            statement
            for statement in statements_of(policy.name, _text_of(policy))
            if statement.covers(access.action, access.resource, context)
        ]
        return bool(covering) and all(statement.effect == "Allow" for statement in covering)

    def _statements(self, role_arn: str) -> list[Statement]:
        with self._plane.lock:
            role = self._role(role_arn)
            if role is None:
                return []
            documents = [*role.policies.items()]
            documents += [
                (policy.name, _text_of(policy)) for policy in role.managed_policies.values()
            ]
        return [found for name, text in documents for found in statements_of(name, text)]

    def _role(self, role_arn: str) -> Any:
        """moto keys roles by their ids, and searches all of them for a name."""
        name, roles = role_arn.rpartition("/")[2], self._iam.roles
        known = roles.get(self._role_ids.get(name, ""))
        if known is None or known.name != name:
            known = next((role for role in roles.values() if role.name == name), None)
            if known is not None:
                self._role_ids[name] = known.id
        return known

    @property
    def _iam(self) -> Any:
        return iam_backends[self._account.account_id]["aws"]


def _text_of(policy: Any) -> str:
    """The default version of a managed policy."""
    text: str = next(version.document for version in policy.versions if version.is_default)
    return text


class _Context:
    """The request's condition keys; the resource's tags are read only when needed."""

    def __init__(self, access: Access, plane: ControlPlane, caller: Caller) -> None:
        self._access = access
        self._plane = plane
        keys = dict(access.keys)
        if caller.service is None:
            keys["aws:PrincipalAccount"] = (caller.account_id,)
            keys["aws:PrincipalArn"] = (caller.role_arn or plane.account.caller_arn,)
        # Condition key names, unlike those of tags, are case-insensitive.
        self._keys = {_folded(key): values for key, values in keys.items()}

    def values(self, key: str) -> tuple[str, ...] | None:
        if key.startswith(_RESOURCE_TAG):
            value = _tags_of(self._plane, self._access.resource).get(key[len(_RESOURCE_TAG) :])
            return None if value is None else (value,)
        return self._keys.get(_folded(key))


def _folded(key: str) -> str:
    name, slash, tag = key.partition("/")
    return name.lower() + slash + tag


def _tags_of(plane: ControlPlane, arn: str) -> Mapping[str, str]:
    """The tags of an existing resource; none if it does not exist."""
    service = arn.split(":")[2] if arn.startswith("arn:") else ""
    with plane.lock:
        match service:
            case "ecs":
                return _listed(plane.ecs.operations(), {"resourceArn": arn})
            case "servicediscovery":
                return _listed(plane.cloudmap.operations(), {"ResourceARN": arn})
            case "logs":
                group = arn.partition(":log-group:")[2].partition(":")[0]
                logs = logs_backends[plane.account.account_id][plane.account.region]
                group_arn = plane.account.arn("logs", f"log-group:{group}")
                tags: Mapping[str, str] = logs.list_tags_for_resource(group_arn)
                return tags
    return {}


def _listed(operations: Mapping[str, Any], request: dict[str, str]) -> Mapping[str, str]:
    try:
        answer = operations["ListTagsForResource"](request)
    except ServiceException:
        return {}
    tags = answer.get("tags", answer.get("Tags", []))
    return {tag.get("key", tag.get("Key")): tag.get("value", tag.get("Value")) for tag in tags}
