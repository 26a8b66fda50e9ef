"""Checks a request against the service's own model: types, members, limits.

AWS SDKs check part of this before they send; a service checks all of it. The models are botocore's,
so no rule is written down twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    "blob": (str,),
}


@dataclass(frozen=True)
class Problem:
    """One deviation of a request from the model."""

    kind: Literal["type", "unknown", "missing", "value"]
    path: str
    message: str


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def operation_model(service: str, operation: str) -> OperationModel:
    return service_model(service).operation_model(operation)


def problems(service: str, operation: str, request: Mapping[str, Any]) -> list[Problem]:
    """Every problem of `request`, in the order of its members; empty if there is none."""
    shape = operation_model(service, operation).input_shape
    return list(_check(shape, request, "")) if shape is not None else []


def _check(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    kind: str = shape.type_name
    expected = _PYTHON_TYPES[kind]
    if not _is_one_of(value, expected):
        yield Problem("type", path, f"{_written(value)} can not be converted to {_type_name(kind)}")
    elif isinstance(shape, StructureShape):
        yield from _check_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _check_size(shape, len(value), value, path, "length")
        for index, item in enumerate(value):
            yield from _check(shape.member, item, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        yield from _check_size(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _check(shape.key, key, f"{path}.{key}")
            yield from _check(shape.value, item, f"{path}.{key}")
    elif kind == "string":
        yield from _check_string(shape, value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _check_size(shape, value, value, path, "value")


def _is_one_of(value: Any, types: tuple[type, ...]) -> bool:
    """Python's booleans are integers; JSON's are not."""
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _check_structure(
    shape: StructureShape, value: Mapping[str, Any], path: str
) -> Iterator[Problem]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield Problem("missing", _member(path, name), "Member must not be null")
    for name, item in value.items():
        if name not in shape.members:
            known = ", ".join(shape.members)
            yield Problem("unknown", _member(path, name), f"Unknown member; known are: {known}")
        elif item is not None:
            yield from _check(shape.members[name], item, _member(path, name))


def _check_string(shape: Shape, value: str, path: str) -> Iterator[Problem]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        listed = ", ".join(allowed)
        yield Problem("value", path, f"Member must satisfy enum value set: [{listed}]")
    yield from _check_size(shape, len(value), value, path, "length")
    pattern = shape.metadata.get("pattern")
    # Python's re has no \p{..} classes; only tag keys use them here.
    if pattern and "\\p{" not in pattern and not re.search(f"^(?:{pattern})$", value):
        yield Problem("value", path, f"Member must satisfy regular expression pattern: {pattern}")


def _check_size(
    shape: Shape, size: float, value: Any, path: str, noun: Literal["length", "value"]
) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield Problem("value", path, f"Member must have {noun} greater than or equal to {least}")
    if most is not None and size > most:
        yield Problem("value", path, f"Member must have {noun} less than or equal to {most}")


def _member(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _written(value: Any) -> str:
    """A value as AWS's parsers name it in their messages."""
    match value:
        case True:
            return "TRUE_VALUE"
        case False:
            return "FALSE_VALUE"
        case str():
            return "STRING_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case list():
            return "START_ARRAY"
        case _:
            return "START_OBJECT"


def _type_name(kind: str) -> str:
    return {"boolean": "Boolean", "integer": "Integer", "string": "String"}.get(kind, kind)
