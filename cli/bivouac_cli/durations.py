"""Durations as people write them and read them. Pure."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhd])")


def seconds_of(text: str) -> int:
    """Of a duration such as 20m. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a number and s, m, h or d, as in 20m")
    return int(match[1]) * _SECONDS[match[2]]


def words_of(seconds: int) -> str:
    """In its two largest units: 7h 48m."""
    parts = []
    for unit, size in reversed(_SECONDS.items()):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
