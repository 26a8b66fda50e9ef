"""Checks ECS arguments against botocore's service model, so that there is no second schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import (
    ListShape,
    MapShape,
    ServiceModel,
    Shape,
    StringShape,
    StructureShape,
)
from botocore.validate import ParamValidator

from bivouac.json_types import Json


@cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("ecs")


@cache
def _input_shape(operation: str) -> StructureShape:
    shape = service_model().operation_model(operation).input_shape
    if not isinstance(shape, StructureShape):
        raise LookupError(f"the ECS operation {operation} takes no input")
    return shape


def problems(operation: str, arguments: Mapping[str, Any], path: str) -> Iterator[str]:
    """Every problem of `arguments` as the operation's input, each with its path.

    botocore's validator checks types, required and unknown members. It leaves the values of
    enumerations to the service, so they are checked here against the same model."""
    shape = _input_shape(operation)
    report = ParamValidator().validate(arguments, shape)
    if report.has_errors():
        yield from (f"{path}: {line}" for line in report.generate_report().splitlines())
    yield from _wrong_enumerations(arguments, shape, path)


def usable(operation: str, arguments: Mapping[str, Any], path: str) -> tuple[Json, list[str]]:
    """The arguments without what is of the wrong type or unknown, and the paths of that: so what is
    right is held against the rules in the same breath. An object in a list stays, empty."""
    wrong: list[str] = []
    found: Json = _usable(arguments, _input_shape(operation), path, wrong)
    return found, wrong


def _usable(value: Any, shape: Shape, path: str, wrong: list[str]) -> Any:
    """None where nothing of it is."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = {
            name: _usable(member, shape.members[name], f"{path}.{name}", wrong)
            for name, member in value.items()
            if name in shape.members
        }
        return {name: member for name, member in members.items() if member is not None}
    if isinstance(shape, ListShape) and isinstance(value, list):
        entries = [
            _usable(entry, shape.member, f"{path}[{index}]", wrong)
            for index, entry in enumerate(value)
        ]
        if isinstance(shape.member, StructureShape):
            return [entry or {} for entry in entries]
        return [entry for entry in entries if entry is not None]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: entry for key, entry in value.items() if _fits(entry, shape.value)}
    if isinstance(shape, StructureShape | ListShape | MapShape) or not _fits(value, shape):
        wrong.append(path)
        return None
    return value


def _fits(value: Any, shape: Shape) -> bool:
    return not ParamValidator().validate(value, shape).has_errors()


def _wrong_enumerations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for name, member in shape.members.items():
            if name in value:
                yield from _wrong_enumerations(value[name], member, f"{path}.{name}")
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _wrong_enumerations(entry, shape.member, f"{path}[{index}]")
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _wrong_enumerations(entry, shape.value, f"{path}.{key}")
    elif (
        isinstance(shape, StringShape)
        and isinstance(value, str)
        and shape.enum
        and value not in shape.enum
    ):
        yield f"{path}: {value!r} is not one of {', '.join(shape.enum)}"
