"""Reads JSON of other notations as ECS's arguments. Pure.

What `describe-*` answers, what tools write around it, CloudFormation's PascalCase and Terraform's
snake_case differ from ECS's arguments in ways that leave no doubt about what is meant. A described
resource is read as it is; another notation is read for the sake of all its other problems, and
answered with what to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bivouac.aws.ecs_forms import Form
from bivouac.json_types import Json
from bivouac.request.messages import FRAGMENT_LIMIT, canonical, fragment, wrong_kind
from bivouac.request.notes import Note, What
from bivouac.request.reading import untrusted
from bivouac.request.reading.merging import copied

_MAY_BE_EMPTY = frozenset({"value"})
"""Members whose empty text means something: an empty variable or tag."""
_INTRINSIC = re.compile(r"Ref|Condition|Fn::.+")
"""CloudFormation's functions (https://docs.aws.amazon.com/AWSCloudFormation/latest/
TemplateReference/intrinsic-function-reference.html)."""
_TERRAFORM_ALONE = frozenset(
    {
        "wait_for_steady_state",
        "force_new_deployment",
        "force_delete",
        "skip_destroy",
        "track_latest",
        "lifecycle",
        "for_each",
        "count",
        "provider",
        "tags_all",
        "timeouts",
        "iam_role",
        "id",
        "arn",
    }
)
"""Of aws_ecs_service and aws_ecs_task_definition, which no argument of ECS stands behind
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/ecs_service)."""
_TERRAFORM_FLAT = {
    "deployment_maximum_percent": "maximumPercent",
    "deployment_minimum_healthy_percent": "minimumHealthyPercent",
    "deployment_circuit_breaker": "deploymentCircuitBreaker",
}
"""Arguments that ECS has inside deploymentConfiguration."""


@dataclass
class Reader:
    """Reads values in their forms, and remembers what it read otherwise than it was written."""

    notes: list[Note] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """From the path of a value in the result to its path as written, where these part."""
    unreadable: list[str] = field(default_factory=list)
    """The paths, as written, of what no rule can say more about."""
    _renamed: dict[str, str] = field(default_factory=dict)
    """In the object of another notation that is being read."""

    def note(self, what: What, path: str, why: str) -> None:
        self.notes.append(Note(what, path, why))

    def value(
        self,
        given: Any,
        form: Form,
        at: str,
        to: str,
        described: bool = False,
        foreign: bool = False,
    ) -> Any:
        """A copy of the value in ECS's notation. `at` is its path as written, `to` in the result.

        `described`: it is part of a resource as ECS describes it. `foreign`: of an object in
        another notation."""
        given = self.parsed(given, form, at)
        if form.kind == "object":
            if foreign and isinstance(given, list) and len(given) == 1:
                given = given[0]  # a block of Terraform's
            if isinstance(given, dict):
                return self._object(given, form, at, to, described, foreign)
        elif form.kind == "list" and form.entry is not None:
            if isinstance(given, dict) and (pairs := _pairs(given, form.entry)):
                if not foreign:
                    name = at.rpartition(".")[2]
                    self.problems.append(f"{at}: {wrong_kind(given, 'a list', name, pairs)}")
                given = pairs
            elif foreign and isinstance(given, dict):
                given = [given]
            if isinstance(given, dict):
                self.places[f"{to}[0]"] = at
                return self.value(given, form.entry, at, to, described, foreign)
            if isinstance(given, list):
                return self._list(given, form.entry, at, to, described, foreign)
        if foreign and not isinstance(given, dict | list):
            return _scalar(given, form)
        return copied(given)

    def _list(
        self, given: list[Any], entry: Form, at: str, to: str, described: bool, foreign: bool
    ) -> list[Any]:
        result: list[Any] = []
        for index, each in enumerate(given):
            here, there = f"{at}[{index}]", f"{to}[{len(result)}]"
            if each is None:
                self.note("dropped", here, "empty")
                continue
            if index != len(result):
                self.places[there] = here
            result.append(self.value(each, entry, here, there, described, foreign))
        return result

    def parsed(self, given: Any, form: Form, at: str) -> Any:
        """An object or a list that was given as its JSON text."""
        if (
            isinstance(given, str)
            and form.kind in ("object", "list")
            and given.lstrip().startswith(("{", "["))
        ):
            try:
                content = json.loads(given)
            except (ValueError, RecursionError) as error:
                self.problems.append(f"{at}: text that begins like JSON, but is none: {error}")
                self.unreadable.append(at)
                return given
            if unreadable := untrusted.problems(content, at):
                self.problems += unreadable
                self.unreadable.append(at)
                return given
            self.note("takenOver", at, "read from its JSON text")
            return content
        return given

    def _object(
        self, given: Json, form: Form, at: str, to: str, described: bool, foreign: bool
    ) -> Json:
        described = described or not form.read_only.isdisjoint(given)
        if foreign:
            given = _with_its_level(given, form)
        names = _names(given, form, foreign)
        other = bool(names) and not foreign
        if other:
            self._renamed = {}
        if names:
            self._renamed |= names
        result: Json = {}
        plain = not (foreign or other)
        for key, inner in given.items():
            name = names.get(key, key)
            member = form.members.get(name)
            if plain and member is not None and _is_plain(inner, member):
                result[key] = inner
                continue
            here = f"{at}.{key}" if at else key
            if member is None:
                self._unknown(result, key, inner, form, here, described, foreign or other)
                continue
            if inner is None or (inner == "" and name not in _MAY_BE_EMPTY):
                self.note("dropped", here, "empty")
                continue
            there = f"{to}.{name}" if to else name
            if name is not key:
                self.places[there] = here
            if isinstance(inner, dict) and len(inner) == 1 and _INTRINSIC.fullmatch(*inner):
                self.problems.append(
                    f"{here}: {next(iter(inner))} is CloudFormation's, which does not read this; "
                    "write the value itself"
                )
                self.unreadable.append(here)
                result[name] = None  # of the wrong kind for every rule
                continue
            result[name] = self.value(inner, member, here, there, described, foreign or other)
        if other and form.shape:
            self.problems.append(f"{at}: {_told(self._renamed, result)}")
        elif other:
            around = f"{at}." if at else ""
            self.problems += [f"{around}{key}: the field is {name}" for key, name in names.items()]
        return result

    def _unknown(
        self,
        result: Json,
        key: str,
        inner: Any,
        form: Form,
        here: str,
        described: bool,
        foreign: bool,
    ) -> None:
        if key in form.read_only or (foreign and _is_read_only(key, form)):
            self.note("dropped", here, "ECS fills it in")
        elif described:
            self.note("dropped", here, "no argument of ECS")
        elif foreign and key in _TERRAFORM_FLAT:
            within = result.setdefault("deploymentConfiguration", {})
            within[_TERRAFORM_FLAT[key]] = inner[0] if isinstance(inner, list) else inner
        elif not (foreign and key in _TERRAFORM_ALONE):
            result[key] = copied(inner)


def _is_read_only(key: str, form: Form) -> bool:
    """In another notation: the answers of PowerShell's commands are in PascalCase."""
    return canonical(key) in map(canonical, form.read_only)


def _is_plain(value: Any, form: Form) -> bool:
    """Whether there is nothing to read in it; of most values this is known at once."""
    if type(value) is str:
        return value != "" and (form.kind == "string" or not value.lstrip().startswith(("{", "[")))
    return type(value) in (int, bool, float)


def _names(given: Mapping[str, Any], form: Form, foreign: bool) -> dict[str, str]:
    """The members that an object has under names of another notation, by those names."""
    strange = [key for key in given if key not in form.members and key not in form.read_only]
    if not strange or not form.members:
        return {}
    members = {canonical(name): name for name in form.members}
    blocks = foreign or any("_" in key for key in strange)
    found: dict[str, str] = {}
    for key in strange:
        written = canonical(key)
        # Terraform has a block for each entry of a list, and names a service by `name`.
        alike = (
            (written, f"{written}s", f"{written}es", f"service{written}") if blocks else (written,)
        )
        name = next((members[each] for each in alike if each in members), None)
        if name is not None and name not in given and name not in found.values():
            found[key] = name
    return found


def _with_its_level(given: Json, form: Form) -> Json:
    """Terraform leaves out a level of which there is only one kind: awsvpcConfiguration."""
    if len(form.members) != 1:
        return given
    ((only, inner),) = form.members.items()
    if inner.kind == "object" and canonical(only) not in map(canonical, given):
        return {only: given}
    return given


def _pairs(given: Json, entry: Form) -> list[Json]:
    """Tags or variables that are given as an object; empty if it is something else."""
    members = sorted(entry.members)
    if members not in (["key", "value"], ["name", "value"]):
        return []
    if not given or any(canonical(key) in members for key in given):
        return []
    return [{members[0]: key, "value": value} for key, value in given.items()]


def _scalar(given: Any, form: Form) -> Any:
    """CloudFormation and Terraform turn texts into numbers, and the other way round."""
    if form.kind == "string" and isinstance(given, bool):
        if form.values and {"ENABLED", "DISABLED"} <= set(form.values):
            return "ENABLED" if given else "DISABLED"
        return str(given).lower()
    if form.kind == "string" and isinstance(given, int | float):
        return str(given)
    if form.kind in ("integer", "long") and isinstance(given, str) and given.isdecimal():
        return int(given[:18])
    if form.kind == "boolean" and given in ("true", "false"):
        return given == "true"
    return given


def _told(names: Mapping[str, str], result: Json) -> str:
    if any("_" in key and key.islower() for key in names):
        whose = "Terraform's notation"
    elif all(key[0].isupper() for key in names):
        whose = "CloudFormation's notation"
    else:
        whose = "another notation"
    corrected = fragment(result)
    if len(corrected) > FRAGMENT_LIMIT:
        listed = ", ".join(f"{name} for {key}" for key, name in names.items())
        return f"{whose}; ECS begins every name in lower case and uses no underscores: {listed}"
    return f"{whose}; write ECS's: {corrected}"
