"""When an environment expires. Pure: "now" is an argument, durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bivouac.times import duration, moment


def expires_at(now: datetime, ttl_seconds: int) -> datetime:
    """The end of a lease that begins now, in UTC and whole seconds.

    Rounded up, so that a lease is never shorter than requested."""
    end = now.astimezone(UTC) + timedelta(seconds=ttl_seconds)
    return end if end.microsecond == 0 else end.replace(microsecond=0) + timedelta(seconds=1)


@dataclass(frozen=True)
class Extension:
    """A request to extend a lease, counted from the time at which it was meant."""

    asked_at: datetime
    ttl_seconds: int | None
    """None: to the cap."""

    def to_json(self) -> dict[str, Any]:
        return {"askedAt": self.asked_at.isoformat(), "ttlSeconds": self.ttl_seconds}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(moment(content["askedAt"]), content["ttlSeconds"])

    def end(self, longest_seconds: int) -> datetime:
        """The requested end; the cap is `longest_seconds` after the time of the request.

        Raises ValueError beyond it."""
        seconds = longest_seconds if self.ttl_seconds is None else self.ttl_seconds
        if seconds > longest_seconds:
            raise ValueError(
                f"{duration(seconds)} is longer than the {duration(longest_seconds)} that a lease "
                "of this environment may last from now"
            )
        return expires_at(self.asked_at, seconds)

    def capped_end(self, longest_seconds: int) -> datetime:
        """The requested end, or the cap if that is earlier."""
        seconds = min(self.ttl_seconds or longest_seconds, longest_seconds)
        return expires_at(self.asked_at, seconds)
