"""Durations and times in the form of requests, records and events. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS = {"m": 60, "h": 3600, "d": 86400}
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])")


def duration_seconds(text: str) -> int:
    """Seconds of a duration such as "45m", "8h" or "3d". Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a number and m, h or d, such as 8h")
    return int(match[1]) * _UNITS[match[2]]


def duration(seconds: int) -> str:
    """The inverse of `duration_seconds`, in its largest whole unit: 8h."""
    unit = next(name for name in ("d", "h", "m") if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def timestamp(moment: datetime) -> str:
    """UTC, in the form that Step Functions can compare: 2026-01-31T18:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_since(text: str, now: datetime) -> float:
    """Seconds from an ISO 8601 timestamp until `now`."""
    return (now - moment(text)).total_seconds()


def moment(text: str) -> datetime:
    """The moment of a timestamp with an offset or Z, in UTC. Raises ValueError for all else.

    ISO 8601 has more forms, such as week dates; nobody needs them."""
    if _MOMENT.fullmatch(text) is None:
        bare = _MOMENT.fullmatch(f"{text}Z")
        wrong = "has no offset" if bare else "is not a moment"
        raise ValueError(f"{text!r} {wrong}: write it as 2026-01-31T18:00:00Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC before the year 1, or after 9999
        raise ValueError(
            f"{text!r} is not in any calendar: check its day, hour and offset"
        ) from None
