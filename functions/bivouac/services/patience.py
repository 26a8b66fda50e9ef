"""How long an execution waits for what ECS refuses for now, and for an event. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
    fresh: bool = False
    """None of our services can be draining, so a name that is held is somebody else's."""
    blocked: Sequence[Blocked] = ()
    """As this step answered before."""

    def need_endpoints_gone(self, name: str) -> Need | None:
        """For a service that ECS refuses because another one holds its endpoints' names; None once
        the wait has lasted long enough."""
        refused = (
            need.since
            for entry in self.blocked
            for need in entry.needs
            if entry.service_name == name and need.condition is Condition.ENDPOINTS_GONE
        )
        since = next(refused, times.timestamp(self.now))
        long_enough = times.seconds_since(since, self.now) > ECS_REMOVES_WITHIN_SECONDS
        if self.fresh or self.now >= self.deadline or long_enough:
            return None
        return Need(name, Condition.ENDPOINTS_GONE, since)


def patience_seconds(deadline: datetime, now: datetime) -> int:
    """How long the execution waits for an event before it polls by itself."""
    left = math.ceil((deadline - now).total_seconds())
    return max(SHORTEST_PATIENCE_SECONDS, min(LONGEST_PATIENCE_SECONDS, left))
