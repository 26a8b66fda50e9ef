"""What is found while a request is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bivouac.environment.blueprint import Renamed
from bivouac.json_types import Json
from bivouac.settings import RequestSettings


@dataclass
class Draft:
    settings: RequestSettings
    definitions: Mapping[str, Json]
    """Those that the request names, described; absent where nobody looked."""
    problems: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)

    def rename(self, path: str, given: Any, used: str) -> None:
        if given is None or given == used:
            return
        if isinstance(given, str):
            self.renamed.append(Renamed(path, given, used))
        else:
            self.problems.append(f"{path}: must be text; leave it out, Bivouac names it {used}")
