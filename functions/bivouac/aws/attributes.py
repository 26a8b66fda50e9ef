"""Plain values in the form of DynamoDB's attributes, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bivouac.json_types import Json


def attribute(value: Any) -> Any:
    """Of a text, a truth value, a number, a set of texts, or a map of such."""
    if isinstance(value, dict):
        return {"M": {name: attribute(each) for name, each in value.items()}}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, set):
        return {"SS": sorted(value)}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def content(item: Mapping[str, Any]) -> Json:
    """An item's plain values; its numbers are floats."""
    found = {}
    for name, each in item.items():
        ((kind, value),) = each.items()
        found[name] = content(value) if kind == "M" else float(value) if kind == "N" else value
    return found
