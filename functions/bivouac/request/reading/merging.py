"""Copies and merges JSON that may be of any form. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` over `defaults`, objects merged key by key, everything else replaced.

    What only one of them has is not copied."""
    result = dict(defaults)
    for key, value in given.items():
        beneath = result.get(key)
        if isinstance(beneath, dict) and isinstance(value, dict):
            result[key] = merged(beneath, value)
        else:
            result[key] = value
    return result


def copied(content: Any) -> Any:
    """A deep copy of JSON."""
    if isinstance(content, dict):
        return {key: copied(value) for key, value in content.items()}
    if isinstance(content, list):
        return [copied(each) for each in content]
    return content


def inner(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object inside of another; an empty one if it is missing or something else."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def objects(given: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; of anything else none."""
    for each in given if isinstance(given, list) else ():
        if isinstance(each, dict):
            yield each
