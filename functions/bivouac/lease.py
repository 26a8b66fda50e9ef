"""When an environment expires. Pure: "now" is an argument, durations are seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

_UNITS = {"m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])")


def duration_seconds(text: str) -> int:
    """Seconds of a duration such as "45m", "8h" or "3d". Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a number and m, h or d, such as 8h")
    return int(match[1]) * _UNITS[match[2]]


def expires_at(now: datetime, ttl_seconds: int) -> datetime:
    """The end of a lease that begins now, in UTC and whole seconds.

    Rounded up, so that a lease is never shorter than what was asked for."""
    end = now.astimezone(UTC) + timedelta(seconds=ttl_seconds)
    return end if end.microsecond == 0 else end.replace(microsecond=0) + timedelta(seconds=1)


def duration(seconds: int) -> str:
    """The inverse of `duration_seconds`, in its largest whole unit: 8h."""
    unit = next(name for name in ("d", "h", "m") if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


@dataclass(frozen=True)
class Extension:
    """What somebody asks of a lease, from the moment in which it was meant."""

    asked_at: datetime
    ttl_seconds: int | None
    """None: to the cap."""

    def to_json(self) -> dict[str, Any]:
        return {"askedAt": self.asked_at.isoformat(), "ttlSeconds": self.ttl_seconds}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(moment(content["askedAt"]), content["ttlSeconds"])

    def end(self, longest_seconds: int) -> datetime:
        """The end that is asked for; `longest_seconds` from the moment of asking is the cap.

        Raises ValueError beyond it."""
        seconds = longest_seconds if self.ttl_seconds is None else self.ttl_seconds
        if seconds > longest_seconds:
            raise ValueError(
                f"{duration(seconds)} is longer than the {duration(longest_seconds)} that a lease "
                "of this environment may last from now"
            )
        return expires_at(self.asked_at, seconds)

    def capped_end(self, longest_seconds: int) -> datetime:
        """The same, and the cap where it asks for more."""
        seconds = min(self.ttl_seconds or longest_seconds, longest_seconds)
        return expires_at(self.asked_at, seconds)


def timestamp(moment: datetime) -> str:
    """UTC, as Step Functions compares it: 2026-01-31T18:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_since(text: str, now: datetime) -> float:
    """Seconds from an ISO 8601 timestamp until `now`."""
    return (now - moment(text)).total_seconds()


def moment(text: str) -> datetime:
    """The moment of an ISO 8601 timestamp with an offset or Z. Raises ValueError otherwise."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: write it as 2026-01-31T18:00:00Z")
    return parsed.astimezone(UTC)
