"""Checks the arguments of an ECS operation field by field, at every depth. Pure.

What is right goes on to the rules across fields, so that one wrong field hides nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
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
    found.arguments = _object(arguments, _node(operation), path, found)
    return found


def decision(shape: str, name: str) -> Rule | Refused | None:
    """What becomes of a field of this shape; None: nobody has decided about it."""
    return FIELDS.get(shape, {}).get(name)


@dataclass(frozen=True, slots=True)
class _Node:
    """A form with the rules of its fields, ready to be followed."""

    kind: str
    types: tuple[type, ...]
    wanted: str
    values: tuple[str, ...]
    required: tuple[str, ...]
    fields: Mapping[str, tuple[_Node, Rule | None] | Refused | None]
    """None: in the model, but nobody has decided about it."""
    free: Mapping[str, tuple[type, ...]]
    """Of the fields that may have any value of a scalar's types: these types."""
    entry: _Node | None
    plain: bool
    """A scalar that may have any value."""


@cache
def _node(operation: str) -> _Node:
    return _noded(arguments_of(operation))


def _noded(form: Form) -> _Node:
    fields: dict[str, tuple[_Node, Rule | None] | Refused | None] = {}
    for name, member in form.members.items():
        match decision(form.shape, name):
            case None | Refused() as refused:
                fields[name] = refused
            case rule:
                fields[name] = (_noded(member), None if rule is taken else rule)
    free = {
        name: each[0].types
        for name, each in fields.items()
        if isinstance(each, tuple) and each[0].plain and each[1] is None
    }
    types, wanted = _PYTHON_TYPES[form.kind]
    entry = _noded(form.entry) if form.entry else None
    return _Node(
        kind=form.kind,
        types=types,
        wanted=wanted,
        values=form.values,
        required=tuple(sorted(form.required)),
        fields=fields,
        free=free,
        entry=entry,
        plain=form.kind not in ("object", "list", "map") and not form.values,
    )


_WRONG = object()


def _object(value: Mapping[str, Any], node: _Node, path: str, found: Checked) -> Json:
    right = {}
    free, fields = node.free, node.fields
    for name, given in value.items():
        if name in free and type(given) in free[name]:
            right[name] = given
            continue
        known = fields.get(name)
        if type(known) is tuple:
            inner, rule = known
            where = f"{path}.{name}"
            result = _value(given, inner, where, found)
            if result is not _WRONG:
                right[name] = result
                if rule:
                    found.problems.extend(rule(result, where))
        elif isinstance(known, Refused):
            if given:
                found.leave_out(f"{path}.{name}", f"refused; {known.reason}")
        elif name in node.fields:
            found.leave_out(
                f"{path}.{name}",
                "refused; Bivouac does not know this field of ECS yet; leave it out",
            )
        else:
            within = _place_within(node, name)
            hint = f'; it belongs into "{within}"' if within else ""
            problem = f"unknown field{hint}" if hint else messages.unknown_field(name, fields)
            found.leave_out(f"{path}.{name}", problem)
    for name in node.required:
        if name not in value:
            found.leave_out(f"{path}.{name}", "required, but missing")
    return right


def _place_within(node: _Node, name: str) -> str:
    """The path of the object within this one that has the field; empty if there is none."""
    for outer, decision in node.fields.items():
        if isinstance(decision, tuple) and decision[0].kind == "object":
            if name in decision[0].fields:
                return outer
            if inner := _place_within(decision[0], name):
                return f"{outer}.{inner}"
    return ""


def _value(value: Any, node: _Node, path: str, found: Checked) -> Any:
    """Without what is wrong in it; _WRONG if all of it is."""
    if type(value) not in node.types:
        name, _, entry = path.rpartition(".")[2].partition("[")
        if entry:
            problem = messages.wrong_entry(value, node.wanted, name, _meant_entry(value, name))
        else:
            is_check = path.endswith(".healthCheck.command")
            meant = _shell(value) if is_check else _meant(value, node, name)
            problem = messages.wrong_kind(value, node.wanted, name, meant)
        found.leave_out(path, problem)
        return _WRONG
    if node.kind == "object":
        return _object(value, node, path, found)
    if node.plain:
        return value
    if node.kind == "list" and node.entry:
        entries = []
        for index, entry in enumerate(value):
            result = _value(entry, node.entry, f"{path}[{index}]", found)
            if result is not _WRONG:
                entries.append(result)
            elif node.entry.kind == "object":
                entries.append({})  # so that the paths of what follows are right
        return entries
    if node.kind == "map" and node.entry:
        items = {
            key: _value(entry, node.entry, f"{path}.{key}", found) for key, entry in value.items()
        }
        return {key: entry for key, entry in items.items() if entry is not _WRONG}
    if node.values and value not in node.values:
        found.leave_out(path, messages.one_of(value, node.values))
        return _WRONG
    return value


def _meant(value: Any, node: _Node, name: str) -> Any:
    """What to write instead of a value of another kind; None if that is not clear."""
    match node.kind, value:
        case "string", int() | float():
            return json.dumps(value)
        case "integer" | "long", str() if value.strip().lstrip("-").isdecimal():
            return int(value) if len(value) < 18 else None
        case "integer" | "long", str() if re.fullmatch(r"[0-9]{1,6}s", value):
            return int(value[:-1])
        case "integer" | "long", float() if value.is_integer():
            return int(value)
        case "boolean", str() if value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        case "list", str() if name in ("command", "entryPoint"):
            return messages.words(value)
        case "list", str() if meant := _meant_entry(value, name):
            return [meant]
        case "object", str() if name == "logConfiguration":
            return {"logDriver": value}
        case "object", str() if name == "healthCheck":
            return {"command": _shell(value)}
        case "list", dict() if node.entry and node.entry.kind == "object":
            return _meant_entries(value, node.entry)
    return None


def _meant_entries(value: Json, entry: _Node) -> Any:
    """The list that an object stands for: of itself, or of what it has by name."""
    if value.keys() <= entry.fields.keys():
        return [value]
    if "name" in entry.fields and all(isinstance(each, dict) for each in value.values()):
        return [{"name": name, **each} for name, each in value.items()]
    if entry.fields.keys() == {"name", "valueFrom"}:
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
