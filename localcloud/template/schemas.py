"""CloudFormation's resource type schemas, from cfn-lint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def replaced_by(
    region: str, resource_type: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """The changed properties that make CloudFormation replace a resource; if empty, it is updated
    in place.

    A property that may require replacement (conditionalCreateOnlyProperties) counts as one that
    does."""
    return [
        ".".join(path)
        for path in _create_only(region, resource_type)
        if _at(path, before) != _at(path, after)
    ]


@cache
def _create_only(region: str, resource_type: str) -> tuple[tuple[str, ...], ...]:
    schema = json.loads(
        (_data() / "resources" / f"{_files(region)[resource_type]}.json").read_bytes()
    )
    kinds = ("createOnlyProperties", "conditionalCreateOnlyProperties")
    pointers = [pointer for kind in kinds for pointer in schema.get(kind, ())]
    return tuple(tuple(pointer.split("/")[2:]) for pointer in pointers)


@cache
def _files(region: str) -> dict[str, str]:
    """Type -> the name of its schema's file."""
    found: dict[str, str] = json.loads((_data() / "providers" / f"{region}.json").read_bytes())
    return found


def _data() -> Path:
    """Read without importing cfn-lint, which takes longer than everything here."""
    package = find_spec("cfnlint")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("updating a stack needs cfn-lint's schemas: make setup")
    return Path(package.submodule_search_locations[0]) / "data" / "schemas"


def _at(path: tuple[str, ...], properties: Any) -> Any:
    for name in path:
        properties = properties.get(name) if isinstance(properties, dict) else None
    return properties
