"""The local cloud's one source of time: what happens when, and what "now" is.

Everything that takes time on AWS (a namespace operation, a task's start, a drain, a lease) is an
action that a clock runs later. A server runs on the `SystemClock`; a test steps a `ManualClock`.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

_log = logging.getLogger(__name__)

Action = Callable[[], None]


@dataclass(order=True)
class Timer:
    """An action that is due at `when` (seconds since the epoch) unless it is cancelled."""

    when: float
    order: int
    action: Action = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def call_later(self, delay: float, action: Action) -> Timer:
        """Runs `action` once, `delay` seconds from now. Actions run one at a time, in order."""
        ...


def as_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class ManualClock:
    """Time stands still until a test advances it; due actions run in the test's own thread."""

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        self._now = start
        self._due: list[Timer] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def call_later(self, delay: float, action: Action) -> Timer:
        timer = Timer(self._now + max(0.0, delay), next(self._order), action)
        heapq.heappush(self._due, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Advances the time and runs every action that falls due, in order."""
        end = self._now + seconds
        while self._due and self._due[0].when <= end:
            timer = heapq.heappop(self._due)
            self._now = max(self._now, timer.when)
            if not timer.cancelled:
                timer.action()
        self._now = end


class SystemClock:
    """Wall-clock time; one thread runs the actions."""

    def __init__(self) -> None:
        self._due: list[Timer] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def now(self) -> float:
        return time.time()

    def call_later(self, delay: float, action: Action) -> Timer:
        timer = Timer(self.now() + max(0.0, delay), next(self._order), action)
        with self._changed:
            heapq.heappush(self._due, timer)
            self._changed.notify()
        return timer

    def moved(self) -> None:
        """Checks again what is due, because the wall clock has changed."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Drops the actions that are still due and ends the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (not self._due or self._due[0].when > self.now()):
                    wait = self._due[0].when - self.now() if self._due else None
                    self._changed.wait(wait)
                if self._stopped:
                    return
                timer = heapq.heappop(self._due)
            if timer.cancelled:
                continue
            try:
                timer.action()
            except Exception:
                _log.exception("an action of the local cloud's clock failed")
