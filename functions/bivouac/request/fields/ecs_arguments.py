"""Checks the arguments of an ECS operation field by field, at every depth. Pure.

What is right goes on to the rules across fields, so that one wrong field hides nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bivouac.aws.ecs_forms import Form, arguments_of
from bivouac.json_types import Json
from bivouac.request import messages
from bivouac.request.fields.ecs_fields import FIELDS
from bivouac.request.fields.field_rules import Refused, Rule, taken
from bivouac.request.findings import Problem
from bivouac.request.places import around, is_within

_PYTHON_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "text"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "double": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "object": ((dict,), "an object"),
    "map": ((dict,), "an object"),
    "list": ((list,), "a list"),
}


@dataclass
class Checked:
    """Arguments without what is unknown, refused or of the wrong type."""

    arguments: Json
    problems: list[Problem] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """The paths of what was left out."""

    def lacks(self, path: str) -> bool:
        """Whether something at this path, in it or around it was left out: then a rule that
        misses it says nothing new."""
        return any(is_within(path, each) or is_within(each, path) for each in self.left_out)

    def leave_out(self, path: str, problem: str) -> None:
        self.problems.append(Problem(path, problem))
        self.left_out.append(path)

    def add(self, problems: Iterable[Problem]) -> None:
        """Problems of rules across fields, except about what is there but was left out."""
        left_out = set(self.left_out)  # of a hostile request, thousands
        for problem in problems:
            if left_out.isdisjoint(around(problem.path)):
                self.problems.append(problem)


def checked(operation: str, arguments: Mapping[str, Any], path: str) -> Checked:
    """Every problem with a field's name, type or value, each with its path."""
    found = Checked({})
    found.arguments = _object(arguments, arguments_of(operation), path, found)
    return found


def decision(shape: str, name: str) -> Rule | Refused | None:
    """What becomes of a field of this shape; None: nobody has decided about it."""
    return FIELDS.get(shape, {}).get(name)


_WRONG = object()


def _object(given: Mapping[str, Any], form: Form, path: str, found: Checked) -> Json:
    right = {}
    members, rules = form.members, FIELDS.get(form.shape, {})
    for name, value in given.items():
        member, rule, where = members.get(name), rules.get(name), f"{path}.{name}"
        if member is None:
            within = _place_within(form, name)
            hint = f'unknown field; it belongs into "{within}"' if within else ""
            found.leave_out(where, hint or messages.unknown_field(name, members))
        elif rule is None:
            found.leave_out(
                where, "refused; Bivouac does not know this field of ECS yet; leave it out"
            )
        elif isinstance(rule, Refused):
            if value:
                found.leave_out(where, f"refused; {rule.reason}")
        elif (result := _value(value, member, where, found)) is not _WRONG:
            right[name] = result
            if rule is not taken:
                found.problems.extend(rule(result, where))
    for name in sorted(form.required):
        if name not in given:
            found.leave_out(f"{path}.{name}", messages.MISSING)
    return right


def _place_within(form: Form, name: str) -> str:
    """The path of the object within this one that has the field; empty if there is none."""
    for outer, member in form.members.items():
        if member.kind == "object" and callable(decision(form.shape, outer)):
            if name in member.members:
                return outer
            if inner := _place_within(member, name):
                return f"{outer}.{inner}"
    return ""


def _value(value: Any, form: Form, path: str, found: Checked) -> Any:
    """Without what is wrong in it; _WRONG if all of it is."""
    types, wanted = _PYTHON_TYPES[form.kind]
    if type(value) not in types:
        name, _, entry = path.rpartition(".")[2].partition("[")
        if entry:
            problem = messages.wrong_entry(value, wanted, name, _meant_entry(value, name))
        else:
            is_check = path.endswith(".healthCheck.command")
            meant = _shell(value) if is_check else _meant(value, form, name)
            problem = messages.wrong_kind(value, wanted, name, meant)
        found.leave_out(path, problem)
        return _WRONG
    if form.kind == "object":
        return _object(value, form, path, found)
    if form.entry is None:
        if form.values and value not in form.values:
            found.leave_out(path, messages.one_of(value, form.values))
            return _WRONG
        return value
    if form.kind == "map":
        items = {
            key: _value(entry, form.entry, f"{path}.{key}", found) for key, entry in value.items()
        }
        return {key: entry for key, entry in items.items() if entry is not _WRONG}
    entries = []
    for index, entry in enumerate(value):
        result = _value(entry, form.entry, f"{path}[{index}]", found)
        if result is not _WRONG:
            entries.append(result)
        elif form.entry.kind == "object":
            entries.append({})  # so that the paths of what follows are right
    return entries


def _meant(value: Any, form: Form, name: str) -> Any:
    """What to write instead of a value of another kind; None if that is not clear."""
    match form.kind, value:
        case "integer" | "long", str() if re.fullmatch(r"[0-9]{1,6}s", value):
            return int(value[:-1])
        case "list", str() if meant := _meant_entry(value, name):
            return [meant]
        case "object", str() if name == "logConfiguration":
            return {"logDriver": value}
        case "object", str() if name == "healthCheck":
            return {"command": _shell(value)}
        case "list", dict() if form.entry and form.entry.kind == "object":
            return _meant_entries(value, form.entry)
    return messages.converted(value, _PYTHON_TYPES[form.kind][1], name)


def _meant_entries(value: Json, entry: Form) -> Any:
    """The list that an object stands for: of itself, or of what it has by name."""
    if value.keys() <= entry.members.keys():
        return [value]
    if "name" in entry.members and all(isinstance(each, dict) for each in value.values()):
        return [{"name": name, **each} for name, each in value.items()]
    if entry.members.keys() == {"name", "valueFrom"}:
        return [{"name": name, "valueFrom": each} for name, each in value.items()]
    return None


def _shell(command: Any) -> list[str] | None:
    """A health check's command in one text."""
    return ["CMD-SHELL", command] if isinstance(command, str) else None


_NAMED_BY_TEXT: Mapping[str, tuple[str, Json]] = {
    "capacityProviderStrategy": ("capacityProvider", {"weight": 1}),
    "dependsOn": ("containerName", {"condition": "START"}),
    "containerDefinitions": ("image", {"name": "app"}),
    "volumes": ("name", {}),
}
"""By list: which field of an entry a text in its place probably is, and what it needs besides."""


def _meant_entry(value: Any, name: str) -> Any:
    """The entry of a list that a text or a number stands for."""
    if isinstance(value, str) and name in _NAMED_BY_TEXT:
        known_as, besides = _NAMED_BY_TEXT[name]
        return {known_as: value, **besides}
    if name == "portMappings" and (port := re.fullmatch(r"(?:.*:)?([0-9]{1,5})", str(value))):
        return {"containerPort": int(port[1])}
    if name == "environment" and isinstance(value, str) and "=" in value:
        return {"name": value.partition("=")[0], "value": "..."}
    return None
