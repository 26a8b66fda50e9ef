"""What Check request tells Open environment besides the plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from bivouac.environment import service_changes
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.service_changes import Changes
from bivouac.json_types import Json


@dataclass(frozen=True)
class Instruction:
    verb: Verb
    intent: Intent
    based_on: int
    """The generation of the record that it was planned with; 0 if there was none."""
    base: str
    """The request without the changes, packed."""
    request: str
    """With them, packed."""
    changes: Changes
    there: bool
    """Whether any of its resources exist, whatever the record says."""

    def to_json(self) -> Json:
        return {
            "verb": self.verb,
            "intent": self.intent.to_json(),
            "basedOn": self.based_on,
            "base": self.base,
            "request": self.request,
            "changes": service_changes.to_json(self.changes),
            "there": self.there,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(
            Verb(content["verb"]),
            Intent.from_json(content["intent"]),
            content["basedOn"],
            content["base"],
            content["request"],
            service_changes.from_json(content["changes"]),
            content["there"],
        )
