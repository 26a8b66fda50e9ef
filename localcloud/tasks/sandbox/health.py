"""When a container is HEALTHY or UNHEALTHY, given the results of its health checks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["HEALTHY", "UNHEALTHY"]


@dataclass
class HealthJudge:
    """The rule of ECS container health checks.

    The first success makes a container HEALTHY and ends its start period. `retries` failures in a
    row make it UNHEALTHY; failures inside the start period do not count.
    """

    retries: int
    start_period: float
    status: Status | None = None
    _failures: int = 0
    _succeeded: bool = False

    def judge(self, passed: bool, age: float) -> Status | None:
        """The new status if this result changes it; `age` is the container's, in seconds."""
        if passed:
            self._failures = 0
            self._succeeded = True
            return self._become("HEALTHY")
        if not self._succeeded and age < self.start_period:
            return None
        self._failures += 1
        return self._become("UNHEALTHY") if self._failures >= self.retries else None

    def _become(self, status: Status) -> Status | None:
        if status == self.status:
            return None
        self.status = status
        return status
