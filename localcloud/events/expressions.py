"""Schedule expressions, at(...), rate(...) and cron(...), and when they are due."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {
    name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)
}
_LAST_YEAR = 2199


class ExpressionError(ValueError):
    """Not a schedule expression or time zone that AWS accepts."""


@dataclass(frozen=True)
class At:
    moment: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Rate:
    seconds: float
    start: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        if moment < self.start:
            return self.start
        elapsed = (moment - self.start).total_seconds()
        return self.start + timedelta(seconds=(elapsed // self.seconds + 1) * self.seconds)


@dataclass(frozen=True)
class Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    zone: tzinfo

    def next_after(self, moment: datetime) -> datetime | None:
        local = moment.astimezone(self.zone)
        minutes = sorted(self.minutes)
        for day in self._days_from(local.date()):
            for hour in sorted(self.hours):
                if self._due(day, hour, minutes[-1]) <= moment:
                    continue  # and so are the hour's other minutes
                for minute in minutes:
                    # Scheduler's user guide, "Daylight savings time": a time that spring skips does
                    # not fire; one that autumn repeats fires once (`fold` 0: the first time).
                    due = self._due(day, hour, minute)
                    there = due.astimezone(self.zone)
                    if due > moment and (there.hour, there.minute) == (hour, minute):
                        return due
        return None

    def _due(self, day: date, hour: int, minute: int) -> datetime:
        there = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
        return there.astimezone(UTC)

    def _days_from(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self._is_due(day):
                        yield day

    def _is_due(self, day: date) -> bool:
        if self.days != "?":
            return day.day in _month_days(self.days, day)
        return _is_weekday(self.weekdays, day)


Expression = At | Rate | Cron


def parse(expression: str, time_zone: str | None, start: datetime) -> Expression:
    """`start` is the time that a rate counts from. Raises ExpressionError."""
    zone = _zone(time_zone)
    if match := re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression):
        try:
            moment = datetime.fromisoformat(match[1]).replace(tzinfo=zone)
        except ValueError as error:
            raise ExpressionError(f"Invalid Schedule Expression {expression}.") from error
        return At(moment.astimezone(UTC))
    if match := re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)", expression):
        return Rate(int(match[1]) * _UNITS[match[2]], start)
    if match := re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression):
        try:
            return _cron(match.groups(), zone)
        except ValueError as error:
            raise ExpressionError(f"Invalid Schedule Expression {expression}.") from error
    raise ExpressionError(f"Invalid Schedule Expression {expression}.")


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"The time zone {name!r} is not in the IANA time zone database."
        raise ExpressionError(message) from error


def _cron(fields: tuple[str, ...], zone: tzinfo) -> Cron:
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") == (weekdays == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week must be ?")
    if days != "?":
        _month_days(days, date(2024, 1, 1))
    else:
        _is_weekday(weekdays, date(2024, 1, 1))
    return Cron(
        minutes=frozenset(_numbers(minutes, 0, 59)),
        hours=frozenset(_numbers(hours, 0, 23)),
        days=days,
        months=frozenset(_numbers(months, 1, 12, _MONTHS)),
        weekdays=weekdays,
        years=frozenset(_numbers(years, 1970, _LAST_YEAR)),
        zone=zone,
    )


def _numbers(
    field: str, lowest: int, highest: int, names: dict[str, int] | None = None
) -> set[int]:
    """The values that a field of numbers, ranges and steps stands for."""

    def number(text: str) -> int:
        value = names[text] if names and text in names else int(text)
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is not between {lowest} and {highest}")
        return value

    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = lowest, highest
        elif "-" in span:
            first, last = (number(end) for end in span.split("-", 1))
        else:
            first = number(span)
            last = highest if step else first
        if first > last or (step and int(step) < 1):
            raise ValueError(f"{part} is not a range")
        values |= set(range(first, last + 1, int(step) if step else 1))
    return values


def _month_days(field: str, month: date) -> set[int]:
    """Days of a month: numbers, L (the last one), 15W (the weekday nearest to the 15th)."""
    last = calendar.monthrange(month.year, month.month)[1]
    if field == "L":
        return {last}
    if match := re.fullmatch(r"(\d+)W", field):
        (wanted,) = _numbers(match[1], 1, 31)
        if wanted > last:
            return set()
        weekday = date(month.year, month.month, wanted).weekday()
        shift = {5: -1 if wanted > 1 else 2, 6: 1 if wanted < last else -2}.get(weekday, 0)
        return {wanted + shift}
    return _numbers(field, 1, 31)


def _is_weekday(field: str, day: date) -> bool:
    """Days of the week from 1, Sunday: also 5L (the last Thursday) and 3#2 (the second Tuesday)."""
    number = day.isoweekday() % 7 + 1
    if field == "L":
        return number == 7
    if match := re.fullmatch(r"(\w+)L", field):
        (wanted,) = _numbers(match[1], 1, 7, _DAYS)
        return number == wanted and (day + timedelta(days=7)).month != day.month
    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        (wanted,) = _numbers(match[1], 1, 7, _DAYS)
        return number == wanted and (day.day - 1) // 7 + 1 == int(match[2])
    return number in _numbers(field, 1, 7, _DAYS)
