"""IAM policies: statements, and whether one covers an access."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Protocol


class Context(Protocol):
    """The condition keys of one access."""

    def values(self, key: str) -> tuple[str, ...] | None:
        """None if the request does not have the key."""
        ...


@dataclass(frozen=True)
class Grant:
    """One action of one Allow statement of a role; a template test checks that each is used."""

    role_arn: str
    policy: str
    statement: int
    """The statement's index in the policy, from 0."""
    action: str
    """As written, so it may have wildcards."""


@dataclass(frozen=True)
class Statement:
    policy: str
    index: int
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    principals: Mapping[str, tuple[str, ...]] | None = None
    """Of a resource's policy: {"AWS": (...), "Service": (...)}; a role's policy has none."""

    def action_for(self, action: str) -> str | None:
        """The first of its actions, as written, that covers this one."""
        return next((own for own in self.actions if _matches(own.lower(), action.lower())), None)

    def covers(self, action: str, resource: str, context: Context) -> bool:
        return (
            self.action_for(action) is not None
            and any(_matches(own, resource) for own in self.resources)
            and all(
                _holds(operator, wanted, context.values(key))
                for operator, keys in self.conditions.items()
                for key, wanted in keys.items()
            )
        )


@dataclass(frozen=True)
class Caller:
    """Who calls, as a resource's policy may name it."""

    account_id: str
    role_arn: str | None = None
    service: str | None = None
    """An AWS service that acts on its own, such as events.amazonaws.com."""

    def is_named_by(self, principals: Mapping[str, tuple[str, ...]]) -> bool:
        """By name, by its account, or by everybody."""
        if self.service:
            return self.service in principals.get("Service", ())
        return self.is_granted_by(principals) or bool(
            {self.account_id, f"arn:aws:iam::{self.account_id}:root"}
            & set(principals.get("AWS", ()))
        )

    def is_granted_by(self, principals: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether a statement grants access by itself. An account as principal leaves the decision
        to its identities' policies (IAM User Guide, "AWS JSON policy elements: Principal"); others
        grant."""
        if self.service:
            return self.service in principals.get("Service", ())
        return bool({"*", self.role_arn} & set(principals.get("AWS", ())))


class UnknownPolicyElementError(Exception):
    """A policy has an element that the local cloud does not know, and it does not guess."""


@lru_cache(maxsize=1024)
def statements_of(policy: str, document: str) -> tuple[Statement, ...]:
    """The statements of a policy's JSON. Raises UnknownPolicyElementError."""
    found = json.loads(document)["Statement"]
    return tuple(
        _statement(policy, index, raw)
        for index, raw in enumerate(found if isinstance(found, list) else [found])
    )


@lru_cache(maxsize=1024)
def resource_statements_of(policy: str, document: str) -> tuple[Statement, ...]:
    """The statements of a resource's own policy. Raises UnknownPolicyElementError."""
    found = json.loads(document)["Statement"]
    statements = []
    for index, raw in enumerate(found if isinstance(found, list) else [found]):
        principal = raw.get("Principal", {})
        named = {"AWS": "*"} if principal == "*" else principal
        if not named or (unknown := set(named) - {"AWS", "Service"}):
            what = sorted(unknown) if named else "no Principal"
            raise UnknownPolicyElementError(f"{policy}, statement {index}: {what}")
        rest = {key: value for key, value in raw.items() if key != "Principal"}
        principals = {kind: _texts(names) for kind, names in named.items()}
        statements.append(replace(_statement(policy, index, rest), principals=principals))
    return tuple(statements)


def _statement(policy: str, index: int, raw: Mapping[str, Any]) -> Statement:
    unknown = set(raw) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown:
        raise UnknownPolicyElementError(f"{policy}, statement {index}: {sorted(unknown)}")
    conditions = {
        operator: {key: _texts(wanted) for key, wanted in keys.items()}
        for operator, keys in raw.get("Condition", {}).items()
    }
    for operator in conditions:
        if _operator_of(operator)[1] not in _TESTS:
            raise UnknownPolicyElementError(f"{policy}, statement {index}: {operator}")
    return Statement(
        policy=policy,
        index=index,
        effect=raw["Effect"],
        actions=_texts(raw["Action"]),
        resources=_texts(raw["Resource"]),
        conditions=conditions,
    )


def grants_of(role_arn: str, statements: Iterable[Statement]) -> Iterator[Grant]:
    for statement in statements:
        if statement.effect == "Allow":
            for action in statement.actions:
                yield Grant(role_arn, statement.policy, statement.index, action)


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
    return re.compile("".join(parts), re.DOTALL)


def _matches(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": _matches,
    "ArnEquals": _matches,
    "ArnLike": _matches,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "Null": lambda wanted, given: wanted.lower() == given,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _operator_of(operator: str) -> tuple[str, str, bool, bool]:
    """(set prefix, test, negated, if exists) of a condition operator."""
    prefix, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    return prefix, _NEGATED.get(name, name), name in _NEGATED, if_exists


def _holds(operator: str, wanted: tuple[str, ...], given: tuple[str, ...] | None) -> bool:
    """A missing key fails its condition unless the operator says otherwise."""
    prefix, name, negated, if_exists = _operator_of(operator)
    if name == "Null":
        return any(_TESTS["Null"](item, str(given is None).lower()) for item in wanted)
    if given is None:
        return if_exists or negated or prefix == "ForAllValues"
    test = _TESTS[name]
    met = [any(test(item, value) for item in wanted) != negated for value in given]
    return all(met) if prefix == "ForAllValues" or negated else any(met)
