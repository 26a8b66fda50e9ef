"""Rules for the value of one field of an ECS argument. Pure.

A rule yields the problems of a value of the right type, each with its path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bivouac.request.messages import said

Rule = Callable[[Any, str], Iterator[str]]


@dataclass(frozen=True)
class Refused:
    """A field that no request may have; the reason, and what to write instead.

    Its empty value says nothing, and is left out: descriptions of services are full of them."""

    reason: str


def taken(value: Any, path: str) -> Iterator[str]:
    """Any value of the right type; rules across fields may still say something about it."""
    yield from ()


def between(low: int, high: int, unit: str = "") -> Rule:
    def rule(value: Any, path: str) -> Iterator[str]:
        if not low <= value <= high:
            yield f"{path}: {value} is not between {low:,} and {high:,}{unit and f' {unit}'}"

    return rule


def at_least(low: int, unit: str = "") -> Rule:
    def rule(value: Any, path: str) -> Iterator[str]:
        if value < low:
            yield f"{path}: {value} is less than {low}{unit and f' {unit}'}"

    return rule


def one_of(*values: str, reason: str) -> Rule:
    def rule(value: Any, path: str) -> Iterator[str]:
        if value not in values:
            yield f"{path}: {said(value)} is refused; {reason}; write {_alternatives(values)}"

    return rule


def matching(pattern: str, words: str) -> Rule:
    compiled = re.compile(pattern)

    def rule(value: Any, path: str) -> Iterator[str]:
        if not compiled.fullmatch(value):
            yield f"{path}: {said(value)} is not {words}"

    return rule


def at_most(count: int, what: str, each: Rule = taken) -> Rule:
    """A list with at most so many entries, each by a rule of its own."""

    def rule(value: Any, path: str) -> Iterator[str]:
        if len(value) > count:
            yield f"{path}: {len(value)} {what}; at most {count}"
        for index, entry in enumerate(value):
            yield from each(entry, f"{path}[{index}]")

    return rule


def _alternatives(values: Sequence[str]) -> str:
    return " or ".join(json.dumps(value) for value in values)
