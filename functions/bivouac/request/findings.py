"""What reading and planning find: problems, and what is not used as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from bivouac.environment.blueprint import Renamed
from bivouac.request.places import place

What = Literal["dropped", "replaced", "takenOver"]


@dataclass(frozen=True)
class Problem:
    path: str
    """Such as "services[0] (web).launchType"; see places.py."""
    text: str
    """What is wrong, and what to write instead."""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


@dataclass(frozen=True)
class Note:
    """One field that is not used as it was written."""

    what: What
    path: str
    """As the user wrote it."""
    why: str
    """What is used instead, or why nothing is. Never the value of a variable."""


Finding = TypeVar("Finding", Problem, Note, Renamed)


def moved(found: Iterable[Finding], places: Mapping[str, str]) -> Iterator[Finding]:
    """The same at other places: where what a step worked on had been before."""
    for each in found:
        path = place(each.path, places)
        yield each if path == each.path else replace(each, path=path)


@dataclass(kw_only=True)
class Findings:
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """From the paths of what a step made to those of what it made it from, where these part."""

    def problem(self, path: str, text: str) -> None:
        self.problems.append(Problem(path, text))

    def note(self, what: What, path: str, why: str) -> None:
        self.notes.append(Note(what, path, why))
