"""What planning finds: problems, renamings, and what is not used as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bivouac.environment.blueprint import Renamed
from bivouac.json_types import Json
from bivouac.settings import RequestSettings

What = Literal["dropped", "replaced", "takenOver"]


@dataclass(frozen=True)
class Note:
    """One field that is not used as it was written."""

    what: What
    path: str
    """As the user wrote it."""
    why: str
    """What is used instead, or why nothing is. Never the value of a variable."""


@dataclass
class Draft:
    settings: RequestSettings
    definitions: Mapping[str, Json]
    """The definitions that the request names, as described; absent if not read yet."""
    problems: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """From paths of what planning fills in to those of what it was made from."""
    plain_values: frozenset[str] = frozenset()
    """Names of variables that the request says are no secrets."""
    cluster: Json = field(default_factory=dict)
    """CreateCluster's arguments."""

    def note(self, what: What, path: str, why: str) -> None:
        self.notes.append(Note(what, path, why))

    def rename(self, path: str, given: Any, used: str) -> None:
        if given is None or given == used:
            return
        if isinstance(given, str):
            self.renamed.append(Renamed(path, given, used))
        else:
            self.problems.append(f"{path}: must be text; leave it out, Bivouac names it {used}")
