"""Waiting in tests: for a condition, never for a fixed time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_NEVER = threading.Event()


def until_true(condition: Callable[[], object], timeout: float = 20) -> None:
    """Returns soon after the condition holds; fails the test if it does not in time.

    Checks less and less often, because checking takes time from what it waits for."""
    pause, until = 0.005, time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, f"not within {timeout} s"
        _NEVER.wait(pause)
        pause = min(1.2 * pause, 0.05)
