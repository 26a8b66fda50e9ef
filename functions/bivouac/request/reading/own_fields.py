"""Reads Bivouac's own fields of a request, as far as they are right. Pure.

What is wrong is reported and left out, and the rest is read all the same.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bivouac.request.findings import Problem
from bivouac.request.reading import own_messages
from bivouac.request.reading.forms import form_of

_Model = TypeVar("_Model", bound=BaseModel)
_STAND_INS: Mapping[str, Any] = {
    "name": "unnamed",
    "services": [None],
    "serviceName": "unnamed",
    "image": "unnamed",
    "containerPort": 80,
}
"""For required fields without which nothing could be read; they never get into a plan."""
_TRIES = 10


def read(
    model: type[_Model], content: Any, path: str, problems: list[Problem]
) -> tuple[_Model | None, frozenset[str]]:
    """The model without what is wrong in it, and the top-level fields that were wrong.

    None if nothing of it can be read. All problems are added to `problems`."""
    wrong: set[str] = set()
    usable = content
    for attempt in range(_TRIES):
        try:
            return model.model_validate(usable), frozenset(wrong)
        except ValidationError as error:
            if attempt == 0:
                problems.extend(own_messages.problems_of(error, path, form_of(model)))
            if not isinstance(usable, dict):
                break
            usable = copy.deepcopy(usable)
            # From the end, so that the places of a list's entries stay right.
            for each in sorted((each["loc"] for each in error.errors()), key=_order, reverse=True):
                wrong.add(str(each[0]) if each else "")
                _leave_out(usable, each)
    return None, frozenset(wrong)


def _order(place: Sequence[int | str]) -> list[str]:
    """For sorting; the tenth entry of a list comes after the ninth."""
    return [f"{step:06}" if isinstance(step, int) else step for step in place]


def _leave_out(content: Any, place: Sequence[int | str]) -> None:
    """Removes the value at `place`, or what needs it, or puts a stand-in there."""
    holders = [content]
    for step in place[:-1]:
        inner = holders[-1][step] if _has(holders[-1], step) else None
        if not isinstance(inner, dict | list):
            break  # missing, or a step of pydantic's own, such as the kind of a union
        holders.append(inner)
    holder, last = holders[-1], place[len(holders) - 1] if place else ""
    if last in _STAND_INS and len(holders) == len(place):
        holder[last] = _STAND_INS[str(last)]
    elif _has(holder, last):
        del holder[last]
    elif len(holders) > 1:
        del holders[-2][place[len(holders) - 2]]


def _has(holder: Any, step: int | str) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and step < len(holder)
