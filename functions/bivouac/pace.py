"""How long to wait before looking again. Pure; all seconds.

A look costs three state transitions and a few reads. A pause that grows with the time already
waited keeps the lag below a twentieth of the whole, and never above ten seconds.
"""

from __future__ import annotations

SHORTEST = 2
LONGEST = 10
SHARE = 0.05

OPERATION = 1
"""Cloud Map operations and cluster attachments take a few seconds (C02, N04)."""

DRAIN = 2
"""Services drain within the stop time-out of their containers."""

ANOTHER_EXECUTION = 5


def before_next_look(waited_seconds: float) -> int:
    return max(SHORTEST, min(LONGEST, round(waited_seconds * SHARE)))
