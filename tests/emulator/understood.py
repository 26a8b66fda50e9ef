"""The translated template as MiniStack understands it, and what it does not support, by name."""

from __future__ import annotations

import copy
import sysconfig
from collections.abc import Iterator
from typing import Any

from tests.template.declared import Json

LEFT_OUT = {
    "AWS::EC2::SecurityGroupIngress": "the tests make these rules by EC2's API",
    "AWS::Events::EventBusPolicy": "anybody in the account may put events",
}
"""Resource types that it does not support -> what replaces them."""

WRITTEN_OTHERWISE = {
    "DefinitionS3Location": "JSON is uploaded, because it does not read YAML",
    "PYTHONPATH": "is added to each function, which would have MiniStack's own packages",
    "ecs:DescribeClusters": "may be called for any cluster: it takes the cluster from no list",
}
"""What it does not understand in the template -> what is done instead."""

PACKAGES = sysconfig.get_path("purelib")


def understood(template: Json) -> Json:
    """A copy without what it does not support, and the rest in a form that it understands."""
    template = copy.deepcopy(template)
    resources: dict[str, Json] = template["Resources"]
    unknown = {name for name, resource in resources.items() if resource["Type"] in LEFT_OUT}
    template["Resources"] = {
        name: _without(resource, unknown)
        for name, resource in resources.items()
        if name not in unknown
    }
    for resource in template["Resources"].values():
        match resource["Type"]:
            case "AWS::Lambda::Function":
                resource["Properties"]["Environment"]["Variables"]["PYTHONPATH"] = PACKAGES
            case "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy":
                for statement in _statements(resource["Properties"]):
                    if statement.get("Action") == "ecs:DescribeClusters":
                        statement["Resource"] = "*"
    return template


def _without(written: Any, names: set[str]) -> Any:
    """Without the list members that name one of these resources (DependsOn, or a Ref)."""
    if isinstance(written, dict):
        return {key: _without(value, names) for key, value in written.items()}
    if isinstance(written, list):
        return [
            _without(item, names)
            for item in written
            if not any(item in (name, {"Ref": name}) for name in names)
        ]
    return written


def _statements(properties: Json) -> Iterator[Json]:
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    for document in (*documents, properties.get("PolicyDocument", {"Statement": []})):
        yield from document["Statement"]
