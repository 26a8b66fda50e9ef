"""Waiting in tests: for a condition, never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_NEVER = threading.Event()


def until_true(condition: Callable[[], object], timeout: float = 20) -> None:
    """Return as soon as the condition holds; fail the test when it does not in time."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, f"not within {timeout} s"
        _NEVER.wait(0.005)
