"""Paths in a request, and as the user wrote them. Pure.

Planning works on one form of a request, whatever it was written in; what it reports must name the
place that the user can find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_LABEL = re.compile(r"^(services\[\d+\])( \([^)]*\))")
_LABELS = re.compile(r" \([^)]*\)")
_ENDS_IN_LABEL = re.compile(r" \([^)]*\)$")
_ENDS = re.compile(r"(\.[^.\[]+|\[\d+\])$")


def around(path: str) -> Iterator[str]:
    """The path, and those of everything that it is in."""
    yield path
    for place, character in enumerate(path):
        if character in ".[":
            yield path[:place]


def entries(holder: Mapping[str, Any], name: str, path: str) -> Iterator[tuple[str, Any]]:
    """The entries of one of the holder's lists, each with its path; none if the list is missing."""
    for index, entry in enumerate(holder.get(name, ())):
        yield f"{path}.{name}[{index}]", entry


def is_within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def plain(path: str) -> str:
    """Without the names of a service and of an existing task definition, which planning writes
    behind their places."""
    return _LABELS.sub("", path)


def place(path: str, places: Mapping[str, str]) -> str:
    """A path with its longest known beginning replaced. The names behind places stay."""
    if not places:
        return path
    label = _LABEL.match(path)
    plain = label[1] + path[label.end() :] if label else path
    beginning, ending = plain, ""
    while beginning not in places:
        last = _ENDS_IN_LABEL.search(beginning) or _ENDS.search(beginning)
        if last is None:
            return path
        beginning, ending = beginning[: last.start()], last[0] + ending
    found = places[beginning] + ending
    service = place(label[1], places) if label else ""
    if label and found.startswith(service):
        return service + label[2] + found[len(service) :]
    return found
