"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from localcloud.events.expressions import ExpressionError, parse

NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
"""A Saturday, the day before clocks go forward in Europe."""


def due_after(expression: str, moment: datetime = NOON, zone: str | None = None) -> str | None:
    due = parse(expression, zone, NOON).next_after(moment)
    return due.strftime("%Y-%m-%d %H:%M") if due else None


@pytest.mark.parametrize(
    ("expression", "zone", "due"),
    [
        ("at(2026-03-28T12:00:01)", None, "2026-03-28 12:00"),
        ("at(2026-03-28T21:30:00)", "Asia/Tokyo", "2026-03-28 12:30"),
        ("at(2026-03-28T12:00:00)", None, None),
        ("rate(1 minute)", None, "2026-03-28 12:01"),
        ("rate(5 hours)", None, "2026-03-28 17:00"),
        ("rate(2 days)", None, "2026-03-30 12:00"),
        ("cron(0 18 * * ? *)", None, "2026-03-28 18:00"),
        ("cron(0 9 * * ? *)", None, "2026-03-29 09:00"),
        ("cron(15 9 ? * MON-FRI *)", None, "2026-03-30 09:15"),
        ("cron(15 9 ? * 2 *)", None, "2026-03-30 09:15"),
        ("cron(0/20 12 * * ? *)", None, "2026-03-28 12:20"),
        ("cron(0 8 1 * ? *)", None, "2026-04-01 08:00"),
        ("cron(0 8 L * ? *)", None, "2026-03-31 08:00"),
        ("cron(0 8 1W * ? *)", None, "2026-04-01 08:00"),
        ("cron(0 8 15W 8 ? *)", None, "2026-08-14 08:00"),
        ("cron(0 8 ? * 6L *)", None, "2026-04-24 08:00"),
        ("cron(0 8 ? * TUE#1 *)", None, "2026-04-07 08:00"),
        ("cron(0 8 ? JAN,JUL SUN 2027)", None, "2027-01-03 08:00"),
        ("cron(0 8 30 2 ? *)", None, None),
        ("cron(0 8 * * ? 2025)", None, None),
        # Berlin has no 02:30 on the 29th; the next one is on the 30th, at summer time.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-30 00:30"),
        ("cron(0 9 * * ? *)", "Europe/Berlin", "2026-03-29 07:00"),
    ],
)
def test_the_next_time(expression: str, zone: str | None, due: str | None) -> None:
    """Scheduler user guide, "Schedule types" and its "Daylight savings time"."""
    assert due_after(expression, zone=zone) == due


@pytest.mark.parametrize(
    ("expression", "zone", "after", "due"),
    [
        # Berlin has 02:30 twice on 25 October: at 00:30 and at 01:30 UTC.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25 00:30"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26 01:30"),
        ("cron(0 9 * * ? *)", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25 08:00"),
        # Lord Howe goes forward by half an hour on 4 October: 02:15 does not exist, 02:45 does.
        ("cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-04 15:15"),
        ("cron(45 2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-03 15:45"),
    ],
)
def test_a_time_that_clocks_leave_out_or_repeat(
    expression: str, zone: str, after: str, due: str
) -> None:
    """Scheduler user guide, "Daylight savings time on EventBridge Scheduler": a skipped time does
    not fire, a repeated one fires once."""
    assert due_after(expression, datetime.fromisoformat(after + "+00:00"), zone) == due


def test_a_rate_counts_from_its_start() -> None:
    assert due_after("rate(10 minutes)", NOON.replace(hour=13, minute=7)) == "2026-03-28 13:10"


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("cron(nonsense)", None),
        ("cron(0 9 * * *)", None),
        ("cron(0 9 * * * *)", None),
        ("cron(0 9 ? * ? *)", None),
        ("cron(60 9 * * ? *)", None),
        ("cron(0 24 * * ? *)", None),
        ("cron(0 9 32 * ? *)", None),
        ("cron(0 9 ? * MOO *)", None),
        ("cron(0 9 5-3 * ? *)", None),
        ("rate(0 minutes)", None),
        ("rate(5 seconds)", None),
        ("rate(five minutes)", None),
        ("at(2026-02-30T12:00:00)", None),
        ("at(2026-03-28)", None),
        ("rate(1 minute)", "Mars/X"),
    ],
)
def test_invalid_expressions_are_refused(expression: str, zone: str | None) -> None:
    with pytest.raises(ExpressionError):
        parse(expression, zone, NOON)
