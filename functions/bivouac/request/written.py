"""Paths as the user wrote them. Pure.

Planning works on one form of a request, whatever it was written in; what it reports must name the
place that the user can find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LABEL = re.compile(r"^(services\[\d+\])( \([^)]*\))")
_ENDS = re.compile(r"(\.[^.\[]+|\[\d+\])$")


def as_written(text: str, places: Mapping[str, str]) -> str:
    """A problem with its path as written. `places`: from paths of the planned form to these."""
    path, colon, rest = text.partition(": ")
    if not colon or not places:
        return text
    return place(path, places) + colon + rest


def place(path: str, places: Mapping[str, str]) -> str:
    """A path with its longest known beginning replaced. The service's name, which planning writes
    behind its place, stays."""
    label = _LABEL.match(path)
    plain = label[1] + path[label.end() :] if label else path
    beginning, ending = plain, ""
    while beginning not in places:
        last = _ENDS.search(beginning)
        if last is None:
            return path
        beginning, ending = beginning[: last.start()], last[0] + ending
    found = places[beginning] + ending
    service = place(label[1], places) if label else ""
    if label and found.startswith(service):
        return service + label[2] + found[len(service) :]
    return found
