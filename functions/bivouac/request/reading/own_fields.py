"""Reads Bivouac's own fields of a request, as far as they are right. Pure.

What is wrong is reported and left out, and the rest is read all the same.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bivouac.request.draft import Draft
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
    model: type[_Model], content: Any, path: str, found: Draft
) -> tuple[_Model | None, frozenset[str]]:
    """The model without what is wrong in it, and the top-level fields that were wrong.

    None if nothing of it can be read. All problems are added to `found`, and where the entries of
    a list have been that lacks wrong ones."""
    wrong: set[str] = set()
    kept: dict[str, list[int]] = {}
    usable = content
    for attempt in range(_TRIES):
        try:
            read = model.model_validate(usable)
            found.shifted |= _shifted(kept, path)
            return read, frozenset(wrong)
        except ValidationError as error:
            if attempt == 0:
                found.problems.extend(own_messages.problems_of(error, path, form_of(model)))
            if not isinstance(usable, dict):
                break
            usable = copy.deepcopy(usable)
            # From the end, so that the places of a list's entries stay right.
            for each in sorted((each["loc"] for each in error.errors()), key=_order, reverse=True):
                wrong.add(str(each[0]) if each else "")
                _leave_out(usable, each, kept)
    return None, frozenset(wrong)


def _shifted(kept: Mapping[str, Sequence[int]], path: str) -> dict[str, str]:
    """Where the entries of shortened lists have been, by where they are."""
    return {
        f"{path}{'.' if path else ''}{name}[{now}]": f"{path}{'.' if path else ''}{name}[{before}]"
        for name, entries in kept.items()
        for now, before in enumerate(entries)
        if now != before
    }


def _order(place: Sequence[int | str]) -> list[str]:
    """For sorting; the tenth entry of a list comes after the ninth."""
    return [f"{step:06}" if isinstance(step, int) else step for step in place]


def _leave_out(content: Any, place: Sequence[int | str], kept: dict[str, list[int]]) -> None:
    """Removes the value at `place`, or what needs it, or puts a stand-in there. `kept`: of the
    fields that are shortened lists, which of their entries are left."""
    holders = [content]
    for step in place[:-1]:
        inner = holders[-1][step] if _has(holders[-1], step) else None
        if not isinstance(inner, dict | list):
            break  # missing, or a step of pydantic's own, such as the kind of a union
        holders.append(inner)
    holder, last = holders[-1], place[len(holders) - 1] if place else ""
    in_a_list = any(isinstance(each, list) for each in holders)
    if last in _STAND_INS and len(holders) == len(place) and not in_a_list:
        holder[last] = _STAND_INS[str(last)]
        return
    if not _has(holder, last):
        if len(holders) == 1:
            return
        last = place[len(holders) - 2]
        holders.pop()
    if isinstance(holders[-1], list) and isinstance(last, int) and len(holders) == 2:
        kept.setdefault(str(place[0]), [*range(len(holders[-1]))]).pop(last)
    del holders[-1][last]


def _has(holder: Any, step: int | str) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and step < len(holder)
