"""Problems and warnings about the office hours of a request. Pure.

The expressions are those of EventBridge Scheduler
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html); a library parses them.
Up and down share one time zone, so they coincide when their wall clock times do.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError

from bivouac.request.findings import Problem

LOOKED_AHEAD = timedelta(days=400)
"""A little more than a year: the library takes about a millisecond per day."""

YEARS_AHEAD = timedelta(days=10 * 365)
TEN_MONTHS = timedelta(days=270)
"""At least; one of them may be lost at the turn of the year."""

_KINDS = {
    "at": "fires only once, but office hours recur; write cron(...)",
    "rate": "has no fixed time of day; write cron(...)",
}
_NUMBERS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7} | {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}


class Expression:
    """A parsed cron expression. Raises ValueError with the reason if it is invalid."""

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
        self._date = " ".join(match[1].split(" ")[2:])
        if fields[4] == "L":
            fields[4] = "7"  # "the last day of the week": the library finds none
        self._days = _read(["0", "0", *fields[2:]])

    def next_day(self, after: datetime) -> datetime | None:
        """Midnight of the next day on which it fires; None: not within YEARS_AHEAD.

        The library knows only UTC, so it gets wall clock times as UTC. It gives up after ten months
        without such a day, as with the fifth Sunday of February."""
        for _ in range(0, YEARS_AHEAD.days, TEN_MONTHS.days):
            found: datetime | None = self._days.get_next(after)[0]
            if found is not None:
                return found
            after += TEN_MONTHS
        return None

    def fires_on(self, day: date) -> bool:
        """Whether it fires on that day, at any time."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return self.next_day(midnight - timedelta(minutes=1)) == midnight

    def at(self, time: datetime) -> str:
        """The same days at another time."""
        return f"cron({time.minute} {time.hour} {self._date})"


def _read(fields: list[str]) -> Any:
    try:
        return AwsCroniter(" ".join(fields))
    except AwsCroniterExpressionError as error:
        raise ValueError(f"cron({' '.join(fields)}): {error}") from None
    except ValueError:
        raise _not_taken(fields) from None


def _refuse_undocumented(fields: list[str]) -> None:
    """Refuse what the library accepts but AWS does not document. Raises ValueError."""
    if any(re.search("L-|LW", field) for field in fields):
        raise _not_taken(fields)
    for field in fields:
        for part in field.split(","):
            first, dash, last = part.partition("/")[0].partition("-")
            if dash and _number(first) > _number(last):
                raise ValueError(f"{part}: a range must not end before it begins; list the values")


def _number(text: str) -> int:
    return _NUMBERS.get(text) or (int(text) if text.isdigit() else 0)


def _not_taken(fields: list[str]) -> ValueError:
    return ValueError(f"cron({' '.join(fields)}): not an expression of EventBridge Scheduler")


def problems(schedule: Mapping[str, str], now: datetime) -> list[Problem]:
    """`schedule`: `timezone`, `up` and `down` from the request."""
    found: list[Problem] = []
    zone = schedule["timezone"]
    if zone not in _zones():
        found.append(
            Problem("schedule.timezone", f"{zone!r} is not in the IANA time zone database")
        )
    read: dict[str, Expression] = {}
    for name in ("up", "down"):
        try:
            read[name] = Expression(schedule[name])
        except ValueError as error:
            found.append(Problem(f"schedule.{name}", str(error)))
    if found:
        return found
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    for name, expression in read.items():
        if expression.next_day(local) is None:
            found.append(Problem(f"schedule.{name}", "it never fires again"))
    if found:
        return found
    if shared := _first_shared(read["up"], read["down"], local, ZoneInfo(zone)):
        found.append(
            Problem(
                "schedule",
                f"up and down are both at {shared:%Y-%m-%d %H:%M} ({zone}); let one of them come "
                "first",
            )
        )
    return found


@dataclass(frozen=True)
class Gap:
    """The time that a wall clock skips once, such as an hour in spring."""

    first: datetime
    """The first skipped minute; naive, as the clock would show it."""
    end: datetime
    """The first minute after the gap."""

    @property
    def minutes(self) -> Iterator[datetime]:
        for number in range(int((self.end - self.first).total_seconds() / 60)):
            yield self.first + timedelta(minutes=number)


def warnings(schedule: Mapping[str, str], now: datetime) -> list[str]:
    """Every skipped up or down, with its path, its date and what to write instead.

    "Daylight savings time" in Scheduler's user guide (schedule-types.html): a time that does not
    exist is skipped, and one that occurs twice fires once. `schedule` has no problems."""
    zone = ZoneInfo(schedule["timezone"])
    read = {name: Expression(schedule[name]) for name in ("up", "down")}
    return [
        _skipped(name, expression, missed, gap, zone)
        for gap in _gaps(zone, now)
        for name, expression in read.items()
        if (missed := _first_in(expression, gap))
    ]


def _gaps(zone: ZoneInfo, now: datetime) -> Iterator[Gap]:
    """The gaps within LOOKED_AHEAD."""
    day = now.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(LOOKED_AHEAD.days):
        after = day + timedelta(days=1)
        jump = _offset(after, zone) - _offset(day, zone)
        if jump > timedelta(0):
            minutes = [day + timedelta(minutes=number) for number in range(24 * 60 + 1)]
            changed = minutes[bisect(minutes, _offset(day, zone), key=lambda m: _offset(m, zone))]
            end = changed.astimezone(zone).replace(tzinfo=None)
            yield Gap(end - jump, end)
        day = after


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _first_in(expression: Expression, gap: Gap) -> datetime | None:
    """The first minute of the gap at which it would fire."""
    for minute in gap.minutes:
        at_this_time = minute.hour in expression.hours and minute.minute in expression.minutes
        if at_this_time and expression.fires_on(minute.date()):
            return minute
    return None


def _skipped(name: str, expression: Expression, missed: datetime, gap: Gap, zone: ZoneInfo) -> str:
    following = _next_after(expression, missed, zone)
    until = f"before {following:%Y-%m-%d %H:%M}" if following else "any more"
    effect = f"the environment is not woken {until}"
    if name == "down":
        effect = f"the environment does not end its day {until}"
    instead = f"from {gap.end:%H:%M} on, or before {gap.first:%H:%M}"
    later = missed + (gap.end - gap.first)
    if len(expression.hours) == len(expression.minutes) == 1 and later.date() == missed.date():
        instead = expression.at(later)
    return (
        f"schedule.{name}: {zone.key} has no {missed:%H:%M} on {missed:%Y-%m-%d}, as its clocks go "
        f"from {gap.first:%H:%M} to {gap.end:%H:%M}: EventBridge Scheduler skips it, and {effect}; "
        f"write {instead}"
    )


def _next_after(expression: Expression, missed: datetime, zone: ZoneInfo) -> datetime | None:
    """The next time at which it fires, without those that the wall clock skips."""
    day = expression.next_day((missed - timedelta(days=1)).replace(tzinfo=UTC))
    while day is not None and day.replace(tzinfo=None) - missed < LOOKED_AHEAD:
        for moment in _moments(day, expression.hours, expression.minutes, zone):
            if moment.replace(tzinfo=None) > missed:
                return moment
        day = expression.next_day(day)
    return None


def _moments(
    day: datetime, hours: Iterable[int], minutes: Iterable[int], zone: ZoneInfo
) -> Iterator[datetime]:
    """Of a day, in their order, without those that the wall clock skips."""
    for hour, minute in product(sorted(hours), sorted(minutes)):
        moment = day.replace(hour=hour, minute=minute, tzinfo=zone)
        back = moment.astimezone(UTC).astimezone(zone)
        if (back.hour, back.minute) == (hour, minute):
            yield moment


def _first_shared(
    up: Expression, down: Expression, local: datetime, zone: ZoneInfo
) -> datetime | None:
    """The first minute in which both fire, without those that the wall clock skips."""
    hours, minutes = up.hours & down.hours, up.minutes & down.minutes
    if not (hours and minutes):
        return None
    for day in _shared_days(up, down, local):
        for moment in _moments(day, hours, minutes, zone):
            if moment.replace(tzinfo=UTC) > local:
                return moment
    return None


def _shared_days(up: Expression, down: Expression, local: datetime) -> Iterator[datetime]:
    """The days on which both fire, from today on."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    day, waiting, other = up.next_day(midnight - timedelta(minutes=1)), down, up
    while day is not None and day - local < LOOKED_AHEAD:
        met = waiting.next_day(day - timedelta(minutes=1))
        if met == day:
            yield day
            met = waiting.next_day(day)
        day, waiting, other = met, other, waiting


@cache
def _zones() -> frozenset[str]:
    """The zones of the locked tzdata, because the contents of Lambda's image are unknown."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
