"""Writes the JSON Schema of the status document and of its parts: `make schema`.

They are the typed dictionaries of status_parts.py; each is a definition of its name.
"""

from __future__ import annotations

import ast
import inspect
import json
import types
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from docs import status_parts

FILE = Path(__file__).parent / "status.schema.json"
_SIMPLE = {str: "string", int: "integer", bool: "boolean", type(None): "null", Any: None}


def schema() -> dict[str, Any]:
    told = _descriptions()
    found = {
        name: _object(each, told)
        for name, each in vars(status_parts).items()
        if is_typeddict(each) and not name.startswith("_")
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The status document of an environment, and its parts",
        "$ref": "#/$defs/Document",
        "$defs": dict(sorted(found.items())),
    }


def _object(form: Any, told: dict[tuple[str, str], str]) -> dict[str, Any]:
    hints = get_type_hints(form, include_extras=True)
    properties = {}
    for field, kind in hints.items():
        properties[field] = _value(kind)
        said = [told[name, field] for name in _family(form) if (name, field) in told]
        if said:
            properties[field]["description"] = said[0]
    return {
        **({"description": form.__doc__.strip()} if form.__doc__ and _written(form) else {}),
        "type": "object",
        "properties": properties,
        "required": [name for name, kind in hints.items() if get_origin(kind) is not NotRequired],
        "additionalProperties": False,
    }


def _family(form: Any) -> Iterator[str]:
    """Its name, and those from which it has its other fields."""
    yield form.__name__
    for base in getattr(form, "__orig_bases__", ()):
        if is_typeddict(base):
            yield from _family(base)


def _written(form: Any) -> bool:
    """Whether it has a docstring of its own; others have that of dict."""
    return str(form.__doc__) != dict.__doc__


def _value(kind: Any) -> dict[str, Any]:
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]} if _SIMPLE[kind] else {}
    if is_typeddict(kind):
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [str(each) for each in kind]}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return {"enum": [str(each) for each in arguments[1]]}
    if origin is NotRequired:
        return _value(arguments[0])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _value(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(arguments[1])}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_value(each) for each in arguments]}
    raise TypeError(f"no schema for {kind}")


def _descriptions() -> dict[tuple[str, str], str]:
    """The text below a field in the code, by class and field."""
    return dict(_described())


def _described() -> Iterator[tuple[tuple[str, str], str]]:
    for node in ast.parse(inspect.getsource(status_parts)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for before, after in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(before, ast.AnnAssign)
                and isinstance(before.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                text = " ".join(str(after.value.value).split())
                yield (node.name, before.target.id), text


if __name__ == "__main__":
    FILE.write_text(f"{json.dumps(schema(), indent=1)}\n", encoding="utf-8")
