"""The IAM statements that template.yaml grants, function by function and role by role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.template.declared import TEMPLATE, Json, functions, resources


@dataclass(frozen=True)
class Statement:
    holder: str
    """Logical id of the function or role."""
    actions: list[str]
    resources: list[Any]
    condition: Json

    @property
    def is_unscoped(self) -> bool:
        return "*" in self.resources

    def __str__(self) -> str:
        return f"{self.holder}: {', '.join(self.actions)}"


def all_statements() -> list[Statement]:
    found = [each for name in functions() for each in statements_of_function(name)]
    for role in resources("AWS::IAM::Role"):
        found += statements_of_role(role)
    for policy in policies_of_people():
        found += statements_of_policy(policy)
    return found


def policies_of_people() -> list[str]:
    """Those that an output names: no function of the stack has them."""
    named = [output["Value"] for output in TEMPLATE["Outputs"].values()]
    return [name for name in resources("AWS::IAM::ManagedPolicy") if {"Ref": name} in named]


def statements_of_policy(name: str) -> list[Statement]:
    document = TEMPLATE["Resources"][name]["Properties"]["PolicyDocument"]
    return list(_statements(name, document["Statement"]))


def statements_of_function(name: str) -> list[Statement]:
    found: list[Statement] = []
    for policy in functions()[name].get("Policies", ()):
        if "Fn::If" in policy:
            _, policy, _ = policy["Fn::If"]
        if "Ref" in policy:
            shared = TEMPLATE["Resources"][policy["Ref"]]["Properties"]
            found += _statements(name, shared["PolicyDocument"]["Statement"])
        else:
            found += _statements(name, policy["Statement"])
    return found


def statements_of_role(name: str) -> list[Statement]:
    found: list[Statement] = []
    for policy in TEMPLATE["Resources"][name]["Properties"].get("Policies", ()):
        found += _statements(name, policy["PolicyDocument"]["Statement"])
    return found


def _statements(holder: str, content: Any) -> Iterator[Statement]:
    for entry in _listed(content):
        if "Fn::If" in entry:
            _, *ways = entry["Fn::If"]
            yield from _statements(holder, [way for way in ways if "Effect" in way])
            continue
        assert entry["Effect"] == "Allow"
        yield Statement(
            holder,
            _listed(entry["Action"]),
            _listed(entry["Resource"]),
            entry.get("Condition", {}),
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
