"""Checks ECS arguments against botocore's own service model, so that no second schema is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


@cache
def _input_shape(operation: str) -> StructureShape:
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model(operation).input_shape
    if not isinstance(shape, StructureShape):
        raise LookupError(f"the ECS operation {operation} takes no input")
    return shape


def problems(operation: str, arguments: Mapping[str, Any], path: str) -> Iterator[str]:
    """Every disagreement of `arguments` with the operation's input, each with its path.

    Types, required and unknown members come from botocore's validator; values of enumerations,
    which it leaves to the service, are looked up in the same model."""
    shape = _input_shape(operation)
    report = ParamValidator().validate(arguments, shape)
    if report.has_errors():
        yield from (f"{path}: {line}" for line in report.generate_report().splitlines())
    yield from _wrong_enumerations(arguments, shape, path)


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
        yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"
