"""The events about environments on the stack's bus. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

SOURCE = "bivouac"


class DetailType(StrEnum):
    READY = "EnvironmentReady"
    FAILED = "EnvironmentFailed"
    EXPIRING = "EnvironmentExpiring"
    DEGRADED = "EnvironmentDegraded"
    DELETED = "EnvironmentDeleted"
    NOT_DELETED = "EnvironmentNotDeleted"
    ORPHAN_FOUND = "OrphanFound"
    LEAK_REPAIRED = "LeakRepaired"


@dataclass(frozen=True)
class Subject:
    """The environment and generation that an event is about, and the time of the event."""

    environment: str
    generation: int
    at: datetime


@dataclass(frozen=True)
class EnvironmentEvent:
    detail_type: DetailType
    detail: dict[str, Any]

    @property
    def text(self) -> str:
        """The detail as it is sent."""
        return json.dumps(self.detail, ensure_ascii=False)
