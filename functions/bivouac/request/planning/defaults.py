"""Tells what is wrong in a request's `defaults` where it was written, and once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bivouac.json_types import Json
from bivouac.request.findings import Problem
from bivouac.request.models import MOST_SERVICES
from bivouac.request.places import around, place, plain


def told_once(problems: Sequence[Problem], request: Json) -> Iterator[Problem]:
    """The problems of services, but for those that every service has that takes the field from the
    defaults: these are told there. What only some of them have is not a problem of the field alone,
    and stays in their places."""
    defaults, services = request.get("defaults"), request.get("services")
    if not isinstance(defaults, dict) or not isinstance(services, list):
        yield from problems
        return
    taken: dict[str, dict[str, str]] = {}
    for index, service in enumerate(services[:MOST_SERVICES]):
        if isinstance(service, dict):
            path = f"services[{index}]"
            taken[path] = dict(_taken(defaults, service, "defaults", path))
    pairs = []
    having: dict[Problem, set[str]] = {}
    for problem in problems:
        path = f"{problem.path.partition(']')[0]}]"
        there = Problem(place(problem.path, taken.get(path, {})), problem.text)
        pairs.append((problem, there))
        having.setdefault(there, set()).add(path)
    for problem, there in pairs:
        outer = set(around(plain(there.path)))
        takers = {path for path, places in taken.items() if not outer.isdisjoint(places.values())}
        yield there if having[there] == takers else problem


def _taken(
    defaults: Mapping[str, Any], service: Mapping[str, Any], at: str, to: str
) -> Iterator[tuple[str, str]]:
    """From the paths in the service of what it has from the defaults alone to its paths there."""
    for key, value in defaults.items():
        if key not in service:
            yield f"{to}.{key}", f"{at}.{key}"
        elif isinstance(value, dict) and isinstance(service[key], dict):
            yield from _taken(value, service[key], f"{at}.{key}", f"{to}.{key}")
