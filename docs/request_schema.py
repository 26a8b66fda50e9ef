"""Writes the JSON Schema of a request, from which editors complete and check it: `make schema`.

It says what fields there are and what values they take. Rules across fields need the whole request;
a dry run checks those.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Set
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel

from bivouac.aws.ecs_forms import Form, arguments_of
from bivouac.request import models
from bivouac.request.fields.ecs_fields import FIELDS
from bivouac.request.fields.field_rules import Refused
from bivouac.request.models import EnvironmentRequest, Service
from bivouac.request.reading.forms import service_form

FILE = Path(__file__).parent / "request.schema.json"
_KINDS = {
    "object": "object",
    "map": "object",
    "list": "array",
    "string": "string",
    "integer": "integer",
    "long": "integer",
    "double": "number",
    "boolean": "boolean",
}


def schema() -> dict[str, Any]:
    """With ECS's arguments where a request has them, but for those that are refused."""
    own, service = _own(EnvironmentRequest), _own(Service)
    arguments = _form(service_form(), without=frozenset(service["properties"]))
    service["properties"] |= arguments["properties"]
    service["properties"]["taskDefinition"] = {
        "description": service["properties"]["taskDefinition"]["description"],
        "anyOf": [{"$ref": "#/$defs/TaskDefinition"}, {"type": "string"}],
    }
    one = service["properties"]["probe"]
    one["anyOf"] = [{"$ref": "#/$defs/Probe"}, {"type": one.pop("type"), "items": one.pop("items")}]
    del service["required"]
    service["additionalProperties"] = False
    properties = own["properties"]
    properties["$schema"] = {"type": "string"}
    properties["services"]["items"] = {"$ref": "#/$defs/Service", "required": ["serviceName"]}
    properties["defaults"] = {"$ref": "#/$defs/Service"}
    properties["cluster"] = _form(arguments_of("CreateCluster"))
    definitions = {**own.pop("$defs"), **service.pop("$defs"), "Service": service}
    definitions["TaskDefinition"] = _form(arguments_of("RegisterTaskDefinition"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A request for an environment",
        **own,
        "$defs": dict(sorted(definitions.items())),
    }


def _own(model: Any) -> dict[str, Any]:
    """pydantic's schema of a model, with the descriptions that its fields have in the code."""
    found: dict[str, Any] = model.model_json_schema(by_alias=True)
    told = _descriptions()
    for name, each in ((model.__name__, found), *found.get("$defs", {}).items()):
        each.pop("title", None)
        each.pop("description", None)
        for field, content in each.get("properties", {}).items():
            content.pop("title", None)
            _without_null(content)
            if text := told.get((name, field)):
                content["description"] = text
    return found


def _without_null(content: dict[str, Any]) -> None:
    """null counts as left out; nobody needs it offered."""
    kinds = [each for each in content.get("anyOf", ()) if each != {"type": "null"}]
    if len(kinds) == 1:
        del content["anyOf"]
        content |= kinds[0]
    elif kinds:
        content["anyOf"] = kinds
    if not isinstance(content.get("default"), str | bool | int):
        content.pop("default", None)


def _descriptions() -> dict[tuple[str, str], str]:
    """By class and field: the docstring under the field."""
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(models))):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, text in zip(node.body, node.body[1:], strict=False):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(told))),
                ):
                    found[(node.name, to_camel(name))] = inspect.cleandoc(told).replace("\n", " ")
    return found


def _form(form: Form, without: Set[str] = frozenset()) -> dict[str, Any]:
    if form.kind == "object":
        rules = FIELDS.get(form.shape, {})
        members = {
            name: _form(each)
            for name, each in form.members.items()
            if name not in without
            and (name in _TAKEN_OVER or not isinstance(rules.get(name), Refused))
        }
        found = {"type": "object", "properties": members, "additionalProperties": False}
        if required := sorted(form.required & members.keys() - _FILLED_IN):
            found["required"] = required
        return found
    found = {"type": _KINDS[form.kind]}
    if form.entry is not None:
        found["items" if form.kind == "list" else "additionalProperties"] = _form(form.entry)
    if form.values:
        found["enum"] = list(form.values)
    return found


_TAKEN_OVER = {"loadBalancers", "healthCheckGracePeriodSeconds"}
"""Which a pasted service may have; they never get to ECS."""
_FILLED_IN = {"family", "serviceName"}
"""Which ECS requires, and Bivouac gives."""


if __name__ == "__main__":
    FILE.write_text(f"{json.dumps(schema(), indent=1)}\n", encoding="utf-8")
