"""What pydantic finds wrong with Bivouac's own fields, in the request's words. Pure.

The only place that knows pydantic's error types (https://docs.pydantic.dev/latest/errors/
validation_errors/), so that none of its texts, which name types of Python, reaches a user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from bivouac import times
from bivouac.aws.ecs_forms import Form
from bivouac.environment.naming import is_environment_name
from bivouac.request.findings import Problem
from bivouac.request.messages import (
    MISSING,
    SMALLEST_SERVICE,
    converted,
    member,
    one_of,
    said,
    unknown_field,
    wrong_entry,
    wrong_kind,
)
from bivouac.request.reading.other_tools import described, service_of, text

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "list_type": "a list",
}
_NOT_IN_NAMES = re.compile("[^a-z0-9]+")
_EXAMPLES: Mapping[str, Any] = {
    "name": "demo",
    "services": [SMALLEST_SERVICE],
    "serviceName": "web",
    "image": "nginx",
    "containerPort": 80,
    "from": "web",
    "to": {"service": "api"},
    "service": "api",
    "portName": "http",
    "up": "cron(0 8 ? * MON-FRI *)",
    "down": "cron(0 18 ? * MON-FRI *)",
    "namespace": "service-connect",
    "repository": "acme/shop",
    "tag": "latest",
    "number": 482,
    "connect": [{"from": "web", "to": {"service": "api"}}],
    "lease": {"ttl": "8h"},
    "ttl": "8h",
    "maxTtl": "3d",
    "warnBefore": "30m",
    "ready": "15m",
    "timeouts": {"ready": "15m"},
    "cluster": {"settings": [{"name": "containerInsights", "value": "enabled"}]},
    "schedule": {"up": "cron(0 8 ? * MON-FRI *)", "down": "cron(0 18 ? * MON-FRI *)"},
    "primaryContainer": SMALLEST_SERVICE["primaryContainer"],
    "probe": {"portName": "web", "path": "/health"},
    "dependsOn": [{"serviceName": "api"}],
    "tags": {"team": "blue"},
}
"""What a field may look like, where its value does not say what was meant."""


def problems_of(error: ValidationError, path: str, form: Form) -> Iterator[Problem]:
    """Each problem. `form`: of what was validated."""
    for problem in error.errors(include_url=False):
        place: Sequence[int | str] = problem["loc"]
        where = path
        for step in place:
            where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else str(step)
        yield Problem(where or "request", _message(problem, place, form))


def _message(problem: Any, place: Sequence[int | str], form: Form) -> str:
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    name = next((str(step) for step in reversed(place) if isinstance(step, str)), "")
    match kind:
        case "missing":
            hint = f"; write {member(name, _EXAMPLES[name])}" if name in _EXAMPLES else ""
            return f"{MISSING}{hint}"
        case "extra_forbidden":
            return unknown_field(str(place[-1]), _members(form, place[:-1]))
        case "literal_error":
            return one_of(value, re.findall(r"'([^']*)'", context["expected"]))
        case "string_pattern_mismatch":
            return f"{said(value)} is not {_PATTERNS[context['pattern']]}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"{len(value):,} characters; at most {context['max_length']:,}"
        case "too_short":
            return f"needs at least {context['min_length']}; write {member(name, _EXAMPLES[name])}"
        case "too_long":
            return f"{context['actual_length']:,} of them; at most {context['max_length']:,}"
        case "greater_than_equal":
            return f"{said(value)} is less than {context['ge']:,}"
        case "less_than_equal":
            return f"{said(value)} is more than {context['le']:,}"
        case "value_error":
            message = str(problem["msg"]).removeprefix("Value error, ")
            plain = _NOT_IN_NAMES.sub("-", value.lower()).strip("-") if name == "name" else ""
            hint = f"; write {member(name, plain)}" if is_environment_name(plain) else ""
            return message + hint
        case _:
            entry = bool(place) and isinstance(place[-1], int)
            if name == "cluster":
                return f"{wrong_kind(value, 'an object')}; leave it out, Bivouac names the cluster"
            # One or many: several probes are rare.
            wanted = "an object" if name == "probe" else _WANTED.get(kind, "something else")
            meant = _meant(name, value, wanted, entry=entry)
            if entry:
                return wrong_entry(value, wanted, name, meant)
            return wrong_kind(value, wanted, name, _EXAMPLES.get(name) if meant is None else meant)


def _members(form: Form, place: Sequence[int | str]) -> Sequence[str]:
    for step in place:
        if isinstance(step, int):
            form = form.entry or form
        else:
            # One or many: a list of one may be given as its only entry.
            inner = form.members if form.kind == "object" or not form.entry else form.entry.members
            form = inner.get(step, form)
    if form.entry is not None and form.kind == "list":
        form = form.entry
    return list(form.members)


def _meant(name: str, value: Any, wanted: str, *, entry: bool) -> Any:
    """What was probably meant by a value of another kind; None if that is not clear."""
    match wanted, value:
        case "text", bool():
            return None
        case "text", int() if name in ("ttl", "maxTtl", "warnBefore", "ready"):
            return f"{max(1, value // 60)}m"
        case "an object", list() if name == "tags" and not entry:
            return _tags(value)
        case "an object", str() if name in ("lease", "timeouts") and not _is_duration(value):
            return None
        case "an object", str() if name in _AROUND:
            return {**_BESIDE.get(name, {}), _AROUND[name]: value}
        case "a list", str() | dict() if name == "plainValues":
            return [value] if isinstance(value, str) else list(value)
        case "a list", dict() if name == "environment":
            return [{"name": key, "value": text(each)} for key, each in value.items()]
        case "a list", dict() if name == "services":
            return _named_services(value)
        case "a list", dict() if name == "dependsOn" and "serviceName" not in value:
            return [{"serviceName": each} for each in value]
        case "a list", dict():
            return [value]
        case "a list", str() if name == "dependsOn":
            return [{"serviceName": value}]
        case _:
            return converted(value, wanted, name)


def _is_duration(text: str) -> bool:
    try:
        times.duration_seconds(text)
    except ValueError:
        return False
    return True


_AROUND = {
    "lease": "ttl",
    "timeouts": "ready",
    "to": "service",
    "dependsOn": "serviceName",
    "primaryContainer": "image",
    "probe": "path",
}
"""By field: what a text in its place probably is."""
_BESIDE: Mapping[str, Any] = {
    "primaryContainer": {"containerPort": 80},
    "probe": {"portName": "..."},
}


def _tags(value: list[Any]) -> Any:
    """ECS's list of tags as Bivouac has them."""
    if not all(isinstance(each, dict) for each in value):
        return None
    pairs = [{str(key).lower(): inner for key, inner in each.items()} for each in value]
    if not all(isinstance(each.get("key"), str) for each in pairs):
        return None
    return {each["key"]: text(each.get("value")) for each in pairs}


def _named_services(value: Mapping[str, Any]) -> Any:
    """Services by name, as Compose has them."""
    if "serviceName" in value or not all(isinstance(each, dict) for each in value.values()):
        return [value]
    return [
        service_of(each, name) if described(each) else {"serviceName": name, **each}
        for name, each in value.items()
    ]


_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$": "a service's name: letters, digits, _ and -, "
    "a letter or digit first",
    r"^/[!-~]*$": "a path: a / first, then printable characters without spaces",
}
