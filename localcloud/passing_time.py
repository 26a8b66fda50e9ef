"""Lets days pass at once: leases end, schedules fall due, records age.

This process's and the functions' time moves together. A wait for a number of seconds goes on: only
points in time move.
"""

from __future__ import annotations

import time
from contextlib import suppress

import time_machine


class PassingTime:
    """Seconds by which this process is ahead of the machine's clock."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._travel: time_machine.travel | None = None
        self._traveller: time_machine.Traveller | None = None

    def let_pass(self, seconds: float) -> None:
        if self._traveller is None:
            self._travel = time_machine.travel(time.time(), tick=True)
            self._traveller = self._travel.start()
        self._traveller.shift(seconds)
        self.ahead += seconds

    def close(self) -> None:
        """Ends the offset."""
        if self._travel is not None:
            with suppress(RuntimeError):
                self._travel.stop()
