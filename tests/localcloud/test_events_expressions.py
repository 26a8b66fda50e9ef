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
def test_the_next_moment(expression: str, zone: str | None, due: str | None) -> None:
    assert due_after(expression, zone=zone) == due


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
def test_what_is_no_schedule_is_refused(expression: str, zone: str | None) -> None:
    with pytest.raises(ExpressionError):
        parse(expression, zone, NOON)
