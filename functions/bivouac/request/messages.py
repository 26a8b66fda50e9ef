"""What is wrong with a value, in the words of JSON and of the request. Pure."""

from __future__ import annotations

import difflib
import json
import re
import shlex
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from bivouac.redaction.text import names_a_secret, redacted

_Value = TypeVar("_Value")

FRAGMENT_LIMIT = 3_000
"""Characters of a corrected fragment; errors.PROBLEM_LIMIT leaves room for the rest."""
MOST_WARNINGS = 20
"""Of one kind: the record keeps them."""
_SHOWN = 60
_ALIKE = 0.7
"""Of difflib's ratio; below it, suggestions mislead."""


def kind(value: Any) -> str:
    """What a value of JSON is, such as "text" or "a list"."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def said(value: Any) -> str:
    """A value as JSON with its kind, shortened: the text "2"."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return f"the number {_short(json.dumps(value))}"
        case str():
            return f"the text {_short(json.dumps(redacted(value), ensure_ascii=False))}"
        case _:
            return kind(value)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


_BETWEEN_WORDS = str.maketrans("", "", "_-" + string.whitespace)


def canonical(name: str) -> str:
    """The same for one name in every notation: desired_count, DesiredCount, desired-count."""
    return name.translate(_BETWEEN_WORDS).lower()


_ELSEWHERE = {
    "replicas": ("desiredCount",),
    "scale": ("desiredCount",),
    "env": ("environment",),
    "envs": ("environment",),
    "cmd": ("command",),
    "args": ("command",),
    "ports": ("containerPort", "portMappings"),
    "expose": ("containerPort", "portMappings"),
    "ttl": ("lease",),
}
"""Words of Compose, Kubernetes and Docker for what ECS and requests call otherwise."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "serviceName"?`, or nothing."""
    by_form = {canonical(each): each for each in known}
    wanted = canonical(name)
    for each in _ELSEWHERE.get(wanted, ()):
        if canonical(each) in by_form:
            return f'; did you mean "{each}"?'
    if wanted in by_form:
        found = by_form[wanted]
    elif near := difflib.get_close_matches(wanted, by_form, 1, _ALIKE):
        found = by_form[near[0]]
    elif ends := [
        each for form, each in by_form.items() if len(wanted) > 3 and form.endswith(wanted)
    ]:
        found = min(ends, key=len)
    else:
        return ""
    return f'; did you mean "{found}"?'


def listed(values: Iterable[Any]) -> str:
    """What there is to choose from."""
    return ", ".join(map(str, values)) or "none"


def none_named(what: str, name: Any, known: Iterable[Any]) -> str:
    """For a reference to something that is not there, such as a container."""
    return f"no {what} is named {name!r} ({what}s: {listed(known)})"


def circular(cycle: Sequence[str], none: str = "none") -> str:
    """For a cycle of dependencies. `none`: what could not be first."""
    return f"dependsOn has a cycle, so {none} could be first: {' -> '.join((*cycle, cycle[0]))}"


def too_often(what: Any, count: int) -> str:
    return f"{what} is given {count} times; once is enough"


def in_other_region(region: str, own: str) -> str:
    """For what is named by an ARN; `own`: the stack's Region."""
    return f"it is in the Region {region}, the stack in {own}; name one in {own}"


def repeated(values: Iterable[_Value | None]) -> dict[_Value, int]:
    """How often each is given that is given more than once; what is empty does not count."""
    given = [value for value in values if value]
    if len(set(given)) == len(given):
        return {}  # as nearly always; counting takes several times as long
    return {value: count for value, count in Counter(given).items() if count > 1}


def first(warnings: Iterable[str], others: str) -> list[str]:
    """Each once, and at most so many; `others`: what the rest are."""
    distinct = list(dict.fromkeys(warnings))
    left = len(distinct) - MOST_WARNINGS
    return [*distinct[:MOST_WARNINGS], f"and {left} more {others}"] if left > 0 else distinct


MISSING = "required, but missing"
MAY_BE_YAML = "text that may be YAML; write it as JSON"
SMALLEST_SERVICE = {
    "serviceName": "web",
    "primaryContainer": {"image": "nginx", "containerPort": 80},
}


def unknown_field(name: str, known: Iterable[str]) -> str:
    return f"unknown field{did_you_mean(name, known)}"


def one_of(value: Any, values: Iterable[str]) -> str:
    """For a value that an enumeration does not have."""
    known = list(values)
    hint = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"{said(value)} is not one of {', '.join(known)}{hint}"


_UNITS = {"cpu": "CPU units; 1024 are one vCPU", "memory": "MiB; 1024 are one GB"}
_FEW = 128
"""No task has fewer units or MiB: a smaller number is one of vCPUs or GB, as other tools count."""


def wrong_kind(value: Any, wanted: str, name: str = "", write: Any = None) -> str:
    """For a value that is not of the wanted kind; with what to write, where that is clear."""
    if name == "value":  # of a variable: it may be a secret
        scalar = isinstance(value, bool | int | float)
        return f"must be {wanted}, not {kind(value)}{'; put it in quotation marks' * scalar}"
    unit = ""
    if name in _UNITS and _counts_otherwise(value, wanted):
        units = value * 1024
        write = None if units % 1 else str(int(units)) if wanted == "text" else int(units)
        unit = f" ({_UNITS[name]})"
    hint = "" if write is None else f"; write {member(name, write)}{unit}"
    return f"must be {wanted}, not {said(value)}{hint}"


def _counts_otherwise(value: Any, wanted: str) -> bool:
    """Whether a size is in vCPUs or GB: of a task, which ECS has as text, or a fraction."""
    return type(value) in (int, float) and 0 < value < _FEW and (wanted == "text" or value % 1 > 0)


def wrong_entry(value: Any, wanted: str, name: str, write: Any) -> str:
    """The same for an entry of the list `name`; `write`: the entry, None if it is not clear."""
    found = kind(value) if name == "environment" else said(value)  # it may hold a secret
    hint = "" if write is None else f"; write {fragment(write)}"
    return f"must be {wanted}, not {found}{hint}"


def converted(value: Any, wanted: str, name: str) -> Any:
    """What a value of another kind probably means, as one of the wanted kind; None if that is not
    clear. `name`: of the field."""
    match wanted, value:
        case "text", int() | float():
            return json.dumps(value)
        case "a whole number", str() if re.fullmatch(r"\s*-?[0-9]{1,17}\s*", value):
            return int(value)
        case "a whole number", float() if value.is_integer():
            return int(value)
        case "true or false", str() if value.strip().lower() in ("true", "false", "yes", "no"):
            return value.strip().lower() in ("true", "yes")
        case "a list", str() if name in ("command", "entryPoint"):
            return words(value)
    return None


def words(command: str) -> list[str]:
    """The list that a command in one text stands for."""
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def fragment(content: Any) -> str:
    """JSON to paste, on one line, without what looks like a secret."""
    return json.dumps(_shareable(content), ensure_ascii=False)


def member(name: str, content: Any) -> str:
    """The same for a member of an object, to paste into it."""
    return fragment({name: content})[1:-1]


def _shareable(content: Any, name: str = "") -> Any:
    """Problems end in logs and causes, which more people read than the request. `name`: what the
    content is the value of; a secret may show only beside it."""
    if isinstance(content, dict):
        named = content.get("name")
        return {
            key: _shareable(value, str(named) if named and key in _VALUES else key)
            for key, value in content.items()
        }
    if isinstance(content, list):
        # A command may have a secret's name in one entry, and its value in the next.
        if names_a_secret(" ".join(each for each in content if isinstance(each, str))):
            return ["..."]
        return [_shareable(each) for each in content]
    if not isinstance(content, str):
        return content
    return "..." if names_a_secret(f"{name}={content}") else redacted(content, FRAGMENT_LIMIT)


_VALUES = frozenset({"value", "valueFrom"})
