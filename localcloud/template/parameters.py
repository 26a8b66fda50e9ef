"""The values of a stack's parameters, checked as CloudFormation checks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.template.errors import TemplateError

_LISTS = ("CommaDelimitedList", "List<")


def checked_parameters(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]
) -> dict[str, str]:
    """Every declared parameter's value as text. Reports all problems at once."""
    problems = [f"there is no parameter {name}" for name in given if name not in declared]
    values: dict[str, str] = {}
    for name, declaration in declared.items():
        if name in given:
            values[name] = given[name]
        elif "Default" in declaration:
            values[name] = str(declaration["Default"])
        else:
            problems.append(f"parameter {name} has no value")
            continue
        problems += [f"parameter {name} {fault}" for fault in _faults(values[name], declaration)]
    if problems:
        raise TemplateError("; ".join(problems))
    return values


def value_of(declaration: Mapping[str, Any], text: str) -> str | list[str]:
    """The value of `Ref`: lists are split."""
    if str(declaration["Type"]).startswith(_LISTS):
        return [item.strip() for item in text.split(",")] if text else []
    return text


def _faults(text: str, declaration: Mapping[str, Any]) -> list[str]:
    kind = str(declaration["Type"])
    value = value_of(declaration, text)
    items = value if isinstance(value, list) else [value]
    explanation = declaration.get("ConstraintDescription")
    faults = []
    if allowed := declaration.get("AllowedValues"):
        names = [str(choice) for choice in allowed]
        faults += [f"must be one of {names}, not {item!r}" for item in items if item not in names]
    if pattern := declaration.get("AllowedPattern"):
        faults += [
            f"must match {pattern}, which {item!r} does not"
            for item in items
            if not re.fullmatch(pattern, item)
        ]
    if kind == "Number":
        faults += _number_faults(text, declaration)
    elif not isinstance(value, list):
        if len(text) < int(declaration.get("MinLength", 0)):
            faults.append(f"must have at least {declaration['MinLength']} characters")
        if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
            faults.append(f"must have at most {declaration['MaxLength']} characters")
    return [f"{fault} ({explanation})" if explanation else fault for fault in faults]


def _number_faults(text: str, declaration: Mapping[str, Any]) -> list[str]:
    try:
        number = float(text)
    except ValueError:
        return [f"must be a number, not {text!r}"]
    faults = []
    if "MinValue" in declaration and number < float(declaration["MinValue"]):
        faults.append(f"must be at least {declaration['MinValue']}, not {text}")
    if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
        faults.append(f"must be at most {declaration['MaxValue']}, not {text}")
    return faults
