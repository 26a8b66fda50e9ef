"""The two ways that are compared: what they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bench.calls import CallLog
from bench.figures import Creation, Deletion, WayName
from bench.pulling import VaryingPull
from bench.waiting import Stop
from localcloud.cloud import LocalCloud
from localcloud.timings import Timings

LIMIT = 600.0
"""Seconds for each wait: where the AWS CLI's own waiter gives up."""

Tell = Callable[[str], None]
"""Tells people what a way does now."""


@dataclass(frozen=True)
class Stage:
    """Where both ways run."""

    cloud: LocalCloud
    timings: Timings
    runtime: VaryingPull
    calls: CallLog
    stop: Stop

    @property
    def pull(self) -> float:
        """How many seconds an image pull takes in this round."""
        return self.timings.pull + self.runtime.extra_seconds

    def ready_moment(self, service_arn: str, since: float) -> float:
        """Waits until the service is truly ready, and returns that time: a way can end its wait
        before the tasks are registered in Cloud Map."""

        def later() -> list[float]:
            moments = self.cloud.control_plane.ready_moments.get(service_arn, ())
            return [moment for _, moment in moments if moment >= since]

        self.stop.until(lambda: bool(later()), f"{service_arn} is truly ready", LIMIT)
        return later()[0]

    def wait_until_gone(self, service_arn: str) -> float:
        """The true time at which nothing of a deleted service was left."""
        gone = self.cloud.control_plane.gone_moments
        self.stop.until(lambda: service_arn in gone, f"{service_arn} is gone", LIMIT)
        return gone[service_arn]

    def service_arn(self, cluster: str, service: str) -> str:
        return self.cloud.account.arn("ecs", f"service/{cluster}/{service}")


class Way(Protocol):
    name: WayName

    def caller(self, access_key_id: str, /) -> bool:
        """Whether a call with this access key is one of this way's."""

    def create(self, round_number: int, tell: Tell) -> Creation:
        """From nothing to an environment that has answered. Raises BenchError, StoppedError."""

    def delete(self, round_number: int, tell: Tell) -> Deletion | None:
        """Back to nothing; None if this is not compared."""
