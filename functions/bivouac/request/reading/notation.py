"""Reads JSON of other notations as ECS's arguments. Pure.

What `describe-*` answers, what tools write around it, CloudFormation's PascalCase and Terraform's
snake_case differ from ECS's arguments in ways that leave no doubt about what is meant. A described
resource is read as it is; another notation is read for the sake of all its other problems, and
answered with what to write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bivouac.aws.ecs_forms import Form
from bivouac.json_types import Json
from bivouac.request.findings import Findings, Problem
from bivouac.request.messages import FRAGMENT_LIMIT, canonical, fragment, wrong_kind
from bivouac.request.reading import untrusted
from bivouac.request.reading.merging import copied
from bivouac.request.reading.references import holds_reference, reference

_MAY_BE_EMPTY = frozenset({"value"})
"""Members whose empty text means something: an empty variable or tag."""
_FREE = frozenset({"value", "dnsName"})
"""Members whose text may look like another tool's reference, and be none."""
_OWN = frozenset(
    {
        *("cluster", "namespace", "family", "executionRoleArn", "subnets", "securityGroups"),
        *("targetGroupArn", "loadBalancerName", "awslogs-group", "awslogs-region"),
    }
)
"""Members that an environment has of its own, so that nobody need look up what they refer to."""
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
class Reader(Findings):
    """Reads values in their forms, and remembers what it read otherwise than it was written."""

    unreadable: list[str] = field(default_factory=list)
    """The paths, as written, of what no rule can say more about."""
    _renamed: dict[str, str] = field(default_factory=dict)
    """In the object of another notation that is being read."""

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
                    self.problem(at, wrong_kind(given, "a list", name, pairs))
                given = pairs
            elif foreign and isinstance(given, dict):
                given = [given]
            if isinstance(given, dict):
                self.places[f"{to}[0]"] = at
                return self.value(given, form.entry, at, to, described, foreign)
            if isinstance(given, list):
                return self._list(given, form.entry, at, to, described, foreign)
        elif form.kind == "map" and isinstance(given, dict):
            return self._map(given, at)
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
            if what := reference(each, free=True):
                self._refers(here, what)
                result.append(None)
                continue
            made = self.value(each, entry, here, there, described, foreign)
            if _says_nothing(each, made):
                self.note("dropped", here, "empty")
                continue
            result.append(made)
        return result

    def _map(self, given: Json, at: str) -> Json:
        result: Json = {}
        for key, inner in given.items():
            here = f"{at}.{key}"
            if what := reference(inner, free=True):
                if key in _OWN:
                    self._drop_reference(here, what)
                    continue
                self._refers(here, what)
            result[key] = None if what else copied(inner)
        return result

    def _refers(self, at: str, what: str, instead: str = "the value itself") -> None:
        """Its value in the result is None, which is of the wrong kind for every rule."""
        self.problem(at, f"{what}, which does not read this; write {instead}")
        self.unreadable.append(at)

    def _drop_reference(self, at: str, what: str) -> None:
        self.note("dropped", at, f"{what}; the environment has its own")

    def parsed(self, given: Any, form: Form, at: str) -> Any:
        """An object or a list that was given as its JSON text."""
        if (
            isinstance(given, str)
            and form.kind in ("object", "list")
            and given.lstrip().startswith(("{", "["))
        ):
            try:
                content = json.loads(given)
                wrong = untrusted.problems(content, at)
            except (ValueError, RecursionError) as error:
                wrong = [Problem(at, f"text that begins like JSON, but is none: {error}")]
            if wrong:
                self.problems += wrong
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
        self._renamed = names if other else self._renamed | names
        foreign = foreign or other
        result: Json = {}
        for key, inner in given.items():
            name = names.get(key, key)
            member = form.members.get(name)
            if not foreign and member is not None and _is_plain(inner, member):
                result[key] = inner
                continue
            here = f"{at}.{key}" if at else key
            if member is None:
                self._unknown(result, key, inner, form, here, described, foreign)
                continue
            is_block = foreign and inner in ([], {})
            if inner is None or is_block or (inner == "" and name not in _MAY_BE_EMPTY):
                self.note("dropped", here, "empty")
                continue
            if name in _OWN and (what := holds_reference(inner)):
                self._drop_reference(here, what)
                continue
            there = f"{to}.{name}" if to else name
            if name is not key:
                self.places[there] = here
            if what := reference(inner, free=name in _FREE):
                is_definition = name == "taskDefinition"
                instead = "its content, or family:revision" if is_definition else "the value itself"
                self._refers(here, what, instead)
                result[name] = None
                continue
            result[name] = self.value(inner, member, here, there, described, foreign)
        if other and form.shape:
            self.problem(at, _told(self._renamed, result))
        elif other:
            around = f"{at}." if at else ""
            for key, name in names.items():
                self.problem(f"{around}{key}", f"the field is {name}")
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
        elif foreign and inner in (None, [], {}):
            self.note("dropped", here, "empty")
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
        if form.kind != "string" and value.lstrip().startswith(("{", "[")):
            return False
        return value != "" and not reference(value)
    return type(value) in (int, bool, float)


def _says_nothing(given: Any, made: Any) -> bool:
    """Whether all of an object was empty or 0, as in a skeleton of the AWS CLI."""
    return isinstance(given, dict) and len(made) < len(given) and not any(made.values())


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
    of_pairs = members in (["key", "value"], ["name", "value"])
    if not of_pairs or any(canonical(key) in members for key in given):
        return []
    return [{members[0]: key, "value": _as_text(value)} for key, value in given.items()]


def _as_text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool | int | float) else value


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
    corrected = fragment(_with_gaps(result))
    if len(corrected) > FRAGMENT_LIMIT:
        listed = ", ".join(f"{name} for {key}" for key, name in names.items())
        return f"{whose}; ECS begins every name in lower case and uses no underscores: {listed}"
    return f"{whose}; write ECS's: {corrected}"


def _with_gaps(content: Any) -> Any:
    """With dots where a reference stood."""
    if isinstance(content, dict):
        return {key: _with_gaps(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_gaps(each) for each in content]
    return "..." if content is None else content
