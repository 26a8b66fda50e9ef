"""Collects problems and renamings while a request is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bivouac.environment.blueprint import Renamed
from bivouac.json_types import Json
from bivouac.request.notes import Note, What
from bivouac.settings import RequestSettings


@dataclass
class Draft:
    settings: RequestSettings
    definitions: Mapping[str, Json]
    """The definitions that the request names, as described; absent if not read yet."""
    problems: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def apart_from(self, wrong: Sequence[str], problems: Iterable[str]) -> None:
        """Adds the problems of what stands elsewhere: a rule misses what was left out as wrong."""
        for problem in problems:
            path = problem.partition(": ")[0]
            if not any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in wrong):
                self.problems.append(problem)

    def note(self, what: What, path: str, why: str) -> None:
        self.notes.append(Note(what, path, why))

    def rename(self, path: str, given: Any, used: str) -> None:
        if given is None or given == used:
            return
        if isinstance(given, str):
            self.renamed.append(Renamed(path, given, used))
        else:
            self.problems.append(f"{path}: must be text; leave it out, Bivouac names it {used}")
