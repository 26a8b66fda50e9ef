"""Waiting that ends at once when the benchmark is interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_EVERY = 0.2
"""Seconds. These polls measure nothing: all times come from elsewhere."""


class StoppedError(Exception):
    """The benchmark was interrupted."""


class BenchError(Exception):
    """One of those compared has failed, or did not finish in time: there is no figure."""


class Stop:
    """Shared by everything that waits."""

    def __init__(self) -> None:
        self._requested = threading.Event()

    def request(self) -> None:
        self._requested.set()

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def pause(self, seconds: float) -> None:
        """Raises StoppedError."""
        if self._requested.wait(seconds):
            raise StoppedError

    def until(self, condition: Callable[[], bool], what: str, limit: float) -> None:
        """Raises StoppedError, and BenchError after `limit` seconds."""
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                raise BenchError(f"{what}: not within {limit:.0f} s")
            self.pause(LOOK_EVERY)
