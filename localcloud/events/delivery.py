"""One queue for whatever AWS delivers later: events, schedules, asynchronous invocations.

Each delivery is tried, retried and given up on the local cloud's clock. A test can ask for what AWS
does not rule out: a delivery that is late, arrives twice, or is lost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from localcloud.clock import Clock

_log = logging.getLogger(__name__)

THREADS = 16


class NotDeliveredError(Exception):
    """A target did not accept a delivery; `final`: a retry would not help."""

    def __init__(self, code: str, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.code = code
        self.final = final


@dataclass(frozen=True)
class Retry:
    """How long a delivery is retried. Times in seconds."""

    attempts: int
    """After the first one."""
    max_age: float
    first_delay: float = 1.0
    """Before the first retry; each later one waits twice as long, at most `max_delay`."""
    max_delay: float = 60.0

    def delay(self, retry: int) -> float:
        return min(self.first_delay * 2.0**retry, self.max_delay)


@dataclass(frozen=True)
class GivenUp:
    """Why a delivery ended without success, in the words of a dead-letter message."""

    error: NotDeliveredError
    retries: int
    condition: str | None
    """MaximumRetryAttempts or MaximumEventAgeInSeconds; None when the error is final."""


@dataclass(frozen=True)
class Delivery:
    target_arn: str
    attempt: Callable[[], None]
    """Hands it over; raises NotDeliveredError."""
    retry: Retry
    give_up: Callable[[GivenUp], None]
    event: Mapping[str, Any] | None = None
    """The whole event that a rule delivers, before the target's input is made from it; None for
    others."""
    after: float = 0.0
    """Seconds until it normally arrives."""


Disturbance = Callable[[Delivery], Sequence[float]]
"""The extra delay in seconds of each copy of a delivery: (0,) is normal, () lost, (0, 0) twice. Its
`event` identifies it."""


def undisturbed(_: Delivery) -> Sequence[float]:
    return (0.0,)


class DeliveryQueue:
    """Delivers concurrently, in no promised order."""

    def __init__(self, clock: Clock, wait_scale: float = 1.0) -> None:
        self._clock = clock
        self._wait_scale = wait_scale
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="delivery")
        self._open = 0
        self._changed = threading.Condition()
        self.disturbance: Disturbance = undisturbed
        """Replaced by a test."""

    def submit(self, delivery: Delivery) -> None:
        now = self._clock.now()
        for delay in self.disturbance(delivery):
            with self._changed:
                self._open += 1
            wait = delivery.after + delay * self._wait_scale
            self._later(wait, delivery, retries=0, since=now)

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether everything submitted was delivered or given up within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout)

    def close(self) -> None:
        """Drops waiting deliveries, and waits for those in progress. The clock has ended."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _later(self, delay: float, delivery: Delivery, *, retries: int, since: float) -> None:
        def begin() -> None:
            self._threads.submit(self._try, delivery, retries, since)

        self._clock.call_later(delay, begin)

    def _try(self, delivery: Delivery, retries: int, since: float) -> None:
        try:
            delivery.attempt()
        except NotDeliveredError as error:
            if (given_up := self._given_up(delivery.retry, error, retries, since)) is None:
                wait = delivery.retry.delay(retries) * self._wait_scale
                self._later(wait, delivery, retries=retries + 1, since=since)
                return
            _log.warning("not delivered to %s: %s", delivery.target_arn, error)
            self._give_up(delivery, given_up)
        except Exception:
            _log.exception("delivering to %s failed in the local cloud", delivery.target_arn)
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def _given_up(
        self, retry: Retry, error: NotDeliveredError, retries: int, since: float
    ) -> GivenUp | None:
        if error.final:
            return GivenUp(error, retries, None)
        if retries >= retry.attempts:
            return GivenUp(error, retries, "MaximumRetryAttempts")
        if self._clock.now() + retry.delay(retries) * self._wait_scale > since + retry.max_age:
            return GivenUp(error, retries, "MaximumEventAgeInSeconds")
        return None

    @staticmethod
    def _give_up(delivery: Delivery, given_up: GivenUp) -> None:
        try:
            delivery.give_up(given_up)
        except Exception:
            _log.exception("giving up on %s failed", delivery.target_arn)
