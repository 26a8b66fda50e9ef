"""The stack's parameters as template.yaml declares them: their purpose and their valid values.
Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_FORMS = {
    "AWS::EC2::VPC::Id": r"vpc-[0-9a-f]{8,17}",
    "AWS::EC2::Subnet::Id": r"subnet-[0-9a-f]{8,17}",
    "Number": r"[0-9]{1,9}",
}
"""Of the types whose values CloudFormation looks up in the account, or counts."""


@dataclass(frozen=True)
class Parameter:
    name: str
    group: str
    declared: Mapping[str, Any]
    """As in the template."""

    @property
    def description(self) -> str:
        return str(self.declared["Description"])

    @property
    def default(self) -> str | None:
        """None: the parameter must be given."""
        return str(self.declared["Default"]) if "Default" in self.declared else None

    @property
    def choices(self) -> list[str]:
        return [str(each) for each in self.declared.get("AllowedValues", ())]

    def refusal(self, value: str) -> str:
        """Why a value is invalid; empty if it is valid."""
        kind = self.declared["Type"]
        if self.choices and value not in self.choices:
            return f"one of {', '.join(self.choices)}"
        listed = kind.startswith("List<") or kind == "CommaDelimitedList"
        form = _FORMS.get(kind.removeprefix("List<").removesuffix(">"))
        pattern = self.declared.get("AllowedPattern")
        for each in value.split(",") if listed else [value]:
            if form and not re.fullmatch(form, each.strip()):
                return f"in the form {form}" + (", separated by commas" if listed else "")
            if pattern and not re.search(pattern, each.strip()):
                return str(self.declared.get("ConstraintDescription", f"in the form {pattern}"))
        if int(self.declared.get("MinValue", 0)) > (int(value) if kind == "Number" else 0):
            return f"at least {self.declared['MinValue']}"
        return ""


def parameters_of(template: Mapping[str, Any]) -> Iterator[Parameter]:
    """In the order of the template's groups."""
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    for group in interface["ParameterGroups"]:
        for name in group["Parameters"]:
            yield Parameter(name, group["Label"]["default"], template["Parameters"][name])
