"""Rules for the value of one field of an ECS argument. Pure.

A rule yields the problems of a value of the right type, each with its path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bivouac.request.findings import Problem
from bivouac.request.messages import said

Rule = Callable[[Any, str], Iterator[Problem]]


@dataclass(frozen=True)
class Refused:
    """A field that no request may have; the reason, and what to write instead.

    Its empty value says nothing, and is left out: descriptions of services are full of them."""

    reason: str


def taken(value: Any, path: str) -> Iterator[Problem]:
    """Any value of the right type; rules across fields may still say something about it."""
    yield from ()


def between(low: int, high: int, unit: str = "") -> Rule:
    of_unit = f" {unit}" if unit else ""
    return _rule(
        lambda value: low <= value <= high,
        lambda value: f"{value} is not between {low:,} and {high:,}{of_unit}",
    )


def at_least(low: int, unit: str = "") -> Rule:
    of_unit = f" {unit}" if unit else ""
    return _rule(lambda value: value >= low, lambda value: f"{value} is less than {low}{of_unit}")


def one_of(*values: str, reason: str) -> Rule:
    alternatives = " or ".join(map(json.dumps, values))
    return _rule(
        lambda value: value in values,
        lambda value: f"{said(value)} is refused; {reason}; write {alternatives}",
    )


def matching(pattern: str, words: str) -> Rule:
    return _rule(re.compile(pattern).fullmatch, lambda value: f"{said(value)} is not {words}")


def _rule(is_right: Callable[[Any], Any], words: Callable[[Any], str]) -> Rule:
    def rule(value: Any, path: str) -> Iterator[Problem]:
        if not is_right(value):
            yield Problem(path, words(value))

    return rule


def at_most(count: int, what: str, each: Rule = taken) -> Rule:
    """A list with at most so many entries, each by a rule of its own."""

    def rule(value: Any, path: str) -> Iterator[Problem]:
        if len(value) > count:
            yield Problem(path, f"{len(value)} {what}; at most {count}")
        for index, entry in enumerate(value):
            yield from each(entry, f"{path}[{index}]")

    return rule
