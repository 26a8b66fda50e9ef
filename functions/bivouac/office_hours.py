"""What is wrong with the office hours of a request. Pure.

The expressions are those of EventBridge Scheduler
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html); a library reads them.
Up and down are in one time zone, so they meet where their wall clocks do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError

LOOKED_AHEAD = timedelta(days=400)
"""A year and more: the library takes about a millisecond for a day."""

_KINDS = {
    "at": "fires once, and office hours recur; write cron(...)",
    "rate": "counts from no known hour; write cron(...)",
}
_NUMBERS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7} | {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}


class Expression:
    """A cron expression, read. Raises ValueError that says what is wrong with it."""

    def __init__(self, text: str) -> None:
        if (kind := text.partition("(")[0]) in _KINDS:
            raise ValueError(f"{kind}(...) {_KINDS[kind]}")
        match = re.fullmatch(r"cron\((\S+(?: \S+){5})\)", text)
        if match is None:
            raise ValueError(
                f"{text!r} is not cron(minutes hours day-of-month month day-of-week year), such as "
                "cron(0 8 ? * MON-FRI *)"
            )
        fields = match[1].upper().split(" ")
        _refuse_undocumented(fields)
        read = _read(fields)
        self.minutes, self.hours = frozenset(read.minutes), frozenset(read.hours)
        if fields[4] == "L":
            fields[4] = "7"  # "the last day of the week": the library finds none
        self._days = _read(["0", "0", *fields[2:]])

    def next_day(self, after: datetime) -> datetime | None:
        """The next day on which it fires, at midnight; None: never again.

        The library knows no time zone but UTC, so a wall clock is given to it as one."""
        found: datetime | None = self._days.get_next(after)[0]
        return found


def _read(fields: list[str]) -> Any:
    try:
        return AwsCroniter(" ".join(fields))
    except AwsCroniterExpressionError as error:
        raise ValueError(f"cron({' '.join(fields)}): {error}") from None
    except ValueError:
        raise _not_taken(fields) from None


def _refuse_undocumented(fields: list[str]) -> None:
    """What the library takes and no page of AWS's names. Raises ValueError."""
    if any(re.search("L-|LW", field) for field in fields):
        raise _not_taken(fields)
    for field in fields:
        for part in field.split(","):
            first, dash, last = part.partition("/")[0].partition("-")
            if dash and _number(first) > _number(last):
                raise ValueError(f"{part}: a range ends after it begins; list the values")


def _number(text: str) -> int:
    return _NUMBERS.get(text) or (int(text) if text.isdigit() else 0)


def _not_taken(fields: list[str]) -> ValueError:
    return ValueError(f"cron({' '.join(fields)}): EventBridge Scheduler takes no such expression")


def problems(schedule: Mapping[str, str], now: datetime) -> list[str]:
    """Each with its path; `schedule` has `timezone`, `up` and `down` as the request has them."""
    found: list[str] = []
    zone = schedule["timezone"]
    if zone not in _zones():
        found.append(f"schedule.timezone: {zone!r} is not in the IANA time zone database")
    read: dict[str, Expression] = {}
    for name in ("up", "down"):
        try:
            read[name] = Expression(schedule[name])
        except ValueError as error:
            found.append(f"schedule.{name}: {error}")
    if found:
        return found
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    for name, expression in read.items():
        if expression.next_day(local) is None:
            found.append(f"schedule.{name}: it never fires again")
    if found:
        return found
    if shared := _first_shared(read["up"], read["down"], local, ZoneInfo(zone)):
        found.append(
            f"schedule: up and down are both at {shared:%Y-%m-%d %H:%M} ({zone}); let one of them "
            "come first"
        )
    return found


def _first_shared(
    up: Expression, down: Expression, local: datetime, zone: ZoneInfo
) -> datetime | None:
    """The first minute in which both fire; those that spring leaves out do not."""
    hours, minutes = sorted(up.hours & down.hours), sorted(up.minutes & down.minutes)
    if not (hours and minutes):
        return None
    for day in _shared_days(up, down, local):
        for hour in hours:
            for minute in minutes:
                moment = day.replace(hour=hour, minute=minute, tzinfo=zone)
                back = moment.astimezone(UTC).astimezone(zone)
                if (back.hour, back.minute) == (hour, minute):
                    return moment
    return None


def _shared_days(up: Expression, down: Expression, local: datetime) -> Iterator[datetime]:
    """From tomorrow on: what both fire at today is over soon."""
    day, waiting, other = up.next_day(local), down, up
    while day is not None and day - local < LOOKED_AHEAD:
        met = waiting.next_day(day - timedelta(minutes=1))
        if met == day:
            yield day
            met = waiting.next_day(day)
        day, waiting, other = met, other, waiting


@cache
def _zones() -> frozenset[str]:
    """Of the locked tzdata: what Lambda's image brings is not known."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
