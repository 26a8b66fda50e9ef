"""What planning completes, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bivouac.environment.blueprint import Renamed
from bivouac.json_types import Json
from bivouac.request.findings import Findings
from bivouac.settings import RequestSettings


@dataclass
class Draft(Findings):
    settings: RequestSettings
    definitions: Mapping[str, Json]
    """The definitions that the request names, as described; absent if not read yet."""
    undescribed: set[str] = field(default_factory=set)
    """The others of them."""
    renamed: list[Renamed] = field(default_factory=list)
    shifted: dict[str, str] = field(default_factory=dict)
    """From the places of entries to where they were before wrong ones were left out of their list.
    Only what looks at several services together names such places."""
    plain_values: frozenset[str] = frozenset()
    """Names of variables that the request says are no secrets."""
    cluster: Json = field(default_factory=dict)
    """CreateCluster's arguments."""

    def rename(self, path: str, given: Any, used: str) -> None:
        if given is None or given == used:
            return
        if isinstance(given, str):
            self.renamed.append(Renamed(path, given, used))
        else:
            self.problem(path, f"must be text; leave it out, Bivouac names it {used}")
