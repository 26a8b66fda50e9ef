"""How long an execution waits for what ECS refuses for now, and for an event. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bivouac import times
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.services.convergence import Blocked, Condition, Need

LONGEST_PATIENCE_SECONDS = 660
"""Then it polls by itself, in case every event was lost."""
SHORTEST_PATIENCE_SECONDS = 60
"""The first poll must have ended before the wait does."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for what ECS refuses for now."""

    now: datetime
    deadline: datetime
    since: Mapping[str, str] = field(default_factory=dict)
    """By service: when ECS first refused because another service holds its endpoints' names,
    ISO 8601."""
    fresh: bool = False
    """None of our services can be draining, so a name that is held is somebody else's."""

    @classmethod
    def of(
        cls, blocked: Iterable[Blocked], now: datetime, deadline: datetime, fresh: bool
    ) -> Patience:
        """`blocked` as this step answered before."""
        since = {
            entry.service_name: need.since
            for entry in blocked
            for need in entry.needs
            if need.condition is Condition.ENDPOINTS_GONE
        }
        return cls(now, deadline, since, fresh)

    def need_endpoints_gone(self, name: str) -> Need | None:
        """None once the wait has lasted long enough."""
        since = self.since.get(name) or times.timestamp(self.now)
        long_enough = times.seconds_since(since, self.now) > ECS_REMOVES_WITHIN_SECONDS
        if self.fresh or self.now >= self.deadline or long_enough:
            return None
        return Need(name, Condition.ENDPOINTS_GONE, since)


def patience_seconds(deadline: datetime, now: datetime) -> int:
    """How long the execution waits for an event before it polls by itself."""
    left = math.ceil((deadline - now).total_seconds())
    return max(SHORTEST_PATIENCE_SECONDS, min(LONGEST_PATIENCE_SECONDS, left))
