"""Tells what is found in a request's `defaults` where it was written, and once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bivouac.json_types import Json
from bivouac.request.findings import Finding
from bivouac.request.models import MOST_SERVICES
from bivouac.request.places import around, place, plain


def told_once(found: Iterable[Finding], request: Json) -> Iterator[Finding]:
    """What is found in services, but for what is found in every service that takes the field from
    the defaults: this is told there. What is found in only some of them is not about the field
    alone, and stays in their places."""
    defaults, services = request.get("defaults"), request.get("services")
    if not isinstance(defaults, dict) or not isinstance(services, list):
        yield from found
        return
    taken: dict[str, dict[str, str]] = {}
    for index, service in enumerate(services[:MOST_SERVICES]):
        if isinstance(service, dict):
            path = f"services[{index}]"
            taken[path] = dict(_taken(defaults, service, "defaults", path))
    pairs = []
    having: dict[Finding, set[str]] = {}
    for each in found:
        path = f"{each.path.partition(']')[0]}]"
        there = replace(each, path=place(each.path, taken.get(path, {})))
        pairs.append((each, there))
        having.setdefault(there, set()).add(path)
    for each, there in pairs:
        outer = set(around(plain(there.path)))
        takers = {path for path, places in taken.items() if not outer.isdisjoint(places.values())}
        yield there if having[there] == takers else each


def _taken(
    defaults: Mapping[str, Any], service: Mapping[str, Any], at: str, to: str
) -> Iterator[tuple[str, str]]:
    """From the paths in the service of what it has from the defaults alone to its paths there."""
    for key, value in defaults.items():
        if key not in service:
            yield f"{to}.{key}", f"{at}.{key}"
        elif isinstance(value, dict) and isinstance(service[key], dict):
            yield from _taken(value, service[key], f"{at}.{key}", f"{to}.{key}")
