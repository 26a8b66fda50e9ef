"""The form of a whole request: Bivouac's own fields with ECS's arguments in their places. Pure.

Reading pasted notations, "did you mean" and the JSON Schema all walk this one form.
"""

from __future__ import annotations

import types
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from bivouac.aws.ecs_forms import Form, arguments_of
from bivouac.request.models import EnvironmentRequest, PrimaryContainer, Service

_SCALARS = {str: "string", int: "integer", bool: "boolean"}
_NONE = type(None)


@cache
def request_form() -> Form:
    own = _model(EnvironmentRequest)
    ecs = {
        "services": Form("list", entry=service_form()),
        "defaults": service_form(),
        "cluster": arguments_of("CreateCluster"),
    }
    return replace(own, members={**own.members, **ecs})


@cache
def service_form() -> Form:
    """CreateService's arguments, with the task definition inside and our own fields."""
    arguments = arguments_of("CreateService")
    own = dict(_model(Service).members)
    definition = arguments_of("RegisterTaskDefinition")
    container = definition.members["containerDefinitions"].entry
    if container is None:
        raise LookupError("ECS's containerDefinitions are a list without entries")
    primary = _model(PrimaryContainer)
    same = {name: container.members[name] for name in primary.members if name in container.members}
    # Its sizes are the task's, which ECS has as text.
    sizes = {name: definition.members[name] for name in ("cpu", "memory")}
    own["primaryContainer"] = replace(primary, members={**primary.members, **same, **sizes})
    own["taskDefinition"] = definition
    return replace(arguments, members={**arguments.members, **own})


def form_of(model: type[BaseModel]) -> Form:
    """Of one of our models, with ECS's arguments where it takes them."""
    whole = {EnvironmentRequest: request_form, Service: service_form}
    return whole[model]() if model in whole else _model(model)


def _model(model: type[BaseModel]) -> Form:
    return Form(
        "object",
        {each.alias or name: _form(each.annotation) for name, each in model.model_fields.items()},
    )


def _form(annotation: Any) -> Form:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _form(inner[0])
    if origin in (Union, types.UnionType):
        return _form(next(each for each in inner if each is not _NONE))
    if origin is Literal:
        return Form("string", values=inner)
    if origin is list:
        return Form("list", entry=_form(inner[0]))
    if origin is dict:
        return Form("map", entry=_form(inner[1]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    return Form(_SCALARS.get(annotation, "any"))
