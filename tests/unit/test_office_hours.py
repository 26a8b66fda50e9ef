"""Office hours: valid for Scheduler, recurring, and never up and down at the same time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bivouac.request.planning.plan import plan
from bivouac.request.rules import office_hours
from bivouac.request.rules.office_hours import Expression
from localcloud.events.expressions import Cron, ExpressionError, parse
from tests import requests
from tests.requests import environment, web

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
HOURS = {"timezone": "Europe/Berlin", "up": "cron(0 8 ? * MON-FRI *)"}
DOWN = "cron(0 19 ? * MON-FRI *)"


def problems(**schedule: str) -> list[str]:
    return list(map(str, office_hours.problems({**HOURS, "down": DOWN, **schedule}, NOW)))


def warnings(**schedule: str) -> list[str]:
    return office_hours.warnings({**HOURS, "down": DOWN, **schedule}, NOW)


class TestTaken:
    @pytest.mark.parametrize(
        "expression",
        [
            "cron(0 8 * * ? *)",
            "cron(30 7 ? * MON-FRI *)",
            "cron(30 7 ? * mon,wed,fri 2026-2030)",
            "cron(0/20 6-9 1 1/3 ? *)",
            "cron(0 8 L * ? *)",
            "cron(0 8 15W * ? *)",
            "cron(0 8 ? * 6L *)",
            "cron(0 8 ? * 3#2 *)",
            "cron(0 8 29 2 ? *)",
        ],
    )
    def test_valid_expressions_are_accepted(self, expression: str) -> None:
        assert problems(up=expression) == []
        assert parse(expression, "Europe/Berlin", NOW).next_after(NOW)

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires"])
    def test_time_zones_are_accepted_by_name(self, zone: str) -> None:
        assert problems(timezone=zone) == []


class TestRefused:
    @pytest.mark.parametrize(
        ("expression", "message"),
        [
            ("rate(1 day)", "rate(...) has no fixed time of day"),
            ("at(2026-02-01T08:00:00)", "at(...) fires only once, but office hours recur"),
            ("0 8 * * ? *", "is not cron(minutes hours day-of-month month day-of-week year)"),
            ("cron(0 8 * * *)", "is not cron(minutes"),
            ("cron(0 8  * * ? *)", "is not cron(minutes"),
            ("", "is not cron(minutes"),
            ("cron(60 8 * * ? *)", "Invalid minute value '60'"),
            ("cron(0 24 * * ? *)", "Invalid hour value '24'"),
            ("cron(0 8 * * * *)", "One must be a question mark"),
            ("cron(0 8 ? * ? *)", "One must be a question mark"),
            ("cron(0 8 ? * MON#6 *)", "Invalid day-of-week value"),
            ("cron(0 8 ? * FRI-MON *)", "a range must not end before it begins"),
            ("cron(0 8 ? * L-3 *)", "not an expression of EventBridge Scheduler"),
            ("cron(0 8 LW * ? *)", "not an expression of EventBridge Scheduler"),
            ("cron(0 8 30 2 ? *)", "it never fires again"),
            ("cron(0 8 * * ? 2025)", "it never fires again"),
        ],
    )
    @pytest.mark.parametrize("name", ["up", "down"])
    def test_an_invalid_expression_is_refused_with_path_and_reason(
        self, name: str, expression: str, message: str
    ) -> None:
        (problem,) = problems(**{name: expression})
        assert problem.startswith(f"schedule.{name}: ")
        assert message in problem

    @pytest.mark.parametrize("zone", ["Mars/Phobos", "CEST", "+01:00", "Europe", "../UTC", ""])
    def test_an_unknown_time_zone_is_refused(self, zone: str) -> None:
        (problem,) = problems(timezone=zone)
        assert problem == f"schedule.timezone: {zone!r} is not in the IANA time zone database"

    def test_problems_are_reported_with_the_requests_other_problems(self) -> None:
        schedule = {"timezone": "Mars/Phobos", "up": "at dawn", "down": "rate(1 day)"}
        request = environment(web(desiredCount=-1), schedule=schedule, lease={"ttl": "99d"})
        found = plan(request, requests.settings(), now=NOW).problems
        paths = sorted(problem.partition(":")[0] for problem in found)
        assert paths == [
            "lease.ttl",
            "schedule.down",
            "schedule.timezone",
            "schedule.up",
            "services[0] (web).desiredCount",
        ]


class TestSameMinute:
    def test_the_first_common_minute_is_named(self) -> None:
        (problem,) = problems(down="cron(0/30 8-10 * * ? *)")
        assert problem == (
            "schedule: up and down are both at 2026-02-02 08:00 (Europe/Berlin); let one of them "
            "come first"
        )

    def test_a_common_minute_once_a_year_is_refused(self) -> None:
        (problem,) = problems(up="cron(0 19 24 12 ? *)")
        assert "2026-12-24 19:00" in problem

    @pytest.mark.parametrize(
        "down", ["cron(1 8 * * ? *)", "cron(0 9 * * ? *)", "cron(0 8 ? * SAT,SUN *)"]
    )
    def test_adjacent_minutes_are_accepted(self, down: str) -> None:
        assert problems(down=down) == []

    def test_a_minute_skipped_in_spring_is_never_common(self) -> None:
        """Scheduler does not fire in it (user guide, "Daylight savings time")."""
        both = "cron(30 2 29 3 ? 2026)"
        assert problems(up=both, down="cron(30 2 29 3 ? *)") == []
        assert problems(timezone="UTC", up=both, down="cron(30 2 29 3 ? *)") != []


def numbers(lowest: int, highest: int) -> st.SearchStrategy[str]:
    """A field of numbers: all of them, lists, ranges and steps."""
    one, step = st.integers(lowest, highest), st.integers(1, min(20, highest // 2))
    spans = st.tuples(one, one).map(lambda ends: f"{min(ends)}-{max(ends)}")
    stepped = st.tuples(st.one_of(st.just("*"), one.map(str), spans), step)
    part = st.one_of(one.map(str), spans, stepped.map(lambda both: f"{both[0]}/{both[1]}"))
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


MONTH_DAYS = st.one_of(
    numbers(1, 31), st.just("L"), st.integers(1, 31).map(lambda day: f"{day}W")
).map(lambda field: (field, "?"))
NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
WEEK_DAYS = st.one_of(
    st.lists(st.integers(1, 7), min_size=1, max_size=3).map(lambda days: ",".join(map(str, days))),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(",".join),
    st.sampled_from(["*", "MON-FRI", "2-6", "L"]),
    st.integers(1, 7).map(lambda day: f"{day}L"),
    st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda both: f"{both[0]}#{both[1]}"),
).map(lambda field: ("?", field))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    month_day, week_day = draw(st.one_of(MONTH_DAYS, WEEK_DAYS))
    minutes, hours = draw(numbers(0, 59)), draw(numbers(0, 23))
    months = draw(st.one_of(numbers(1, 12), st.sampled_from(["JAN", "FEB-APR", "MAY,DEC"])))
    years = draw(st.sampled_from(["*", "2026-2030", "2027"]))
    return f"{minutes} {hours} {month_day} {months} {week_day} {years}"


BROKEN = ["", "60", "0", "?", "L-3", "LW", "x", "1-", "*/0", "JAN", "3#6", "32W"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York"]


FURTHER_THAN_ANYBODY_LOOKS = timedelta(days=3 * 365)
"""A request is refused for what meets within 400 days."""


class TestTwoReadersAgree:
    """The local cloud parses expressions itself, so that one mistake does not hide another."""

    @given(expressions())
    @example("* * ? FEB-APR 1#5 *")
    @example("0 8 29 2 ? *")
    @settings(deadline=None, max_examples=40)
    def test_both_agree_when_an_expression_fires(self, text: str) -> None:
        ours, cloud = Expression(f"cron({text})"), parse(f"cron({text})", "UTC", NOW)
        assert isinstance(cloud, Cron)
        assert (ours.minutes, ours.hours) == (cloud.minutes, cloud.hours)
        days = replace(cloud, minutes=frozenset({0}), hours=frozenset({0}))
        moment: datetime | None = NOW
        for _ in range(4):
            expected = days.next_after(moment) if moment else None
            if expected and expected > NOW + FURTHER_THAN_ANYBODY_LOOKS:
                break
            moment = ours.next_day(moment) if moment else None
            assert moment == expected

    @given(expressions(), st.integers(0, 5), st.sampled_from(BROKEN))
    @settings(deadline=None)
    def test_what_the_local_cloud_refuses_is_refused_with_the_request(
        self, text: str, number: int, instead: str
    ) -> None:
        fields = text.split(" ")
        fields[number] = instead
        broken = f"cron({' '.join(fields)})"
        try:
            parse(broken, "UTC", NOW)
        except ExpressionError:
            assert problems(timezone="UTC", up=broken) != [], broken
        else:
            assume(False)

    @given(expressions(), expressions(), st.sampled_from(ZONES))
    @example("* * L * ? *", "* * ? 1 L *", "UTC")
    @settings(deadline=None, max_examples=25)
    def test_accepted_expressions_never_fire_in_the_same_minute(
        self, up: str, down: str, zone: str
    ) -> None:
        up, down = f"cron({up})", f"cron({down})"
        found = office_hours.problems({"timezone": zone, "up": up, "down": down}, NOW)
        assume(not any("never fires" in problem.text for problem in found))
        ups = fired(up, zone)
        assert bool(ups & fired(down, zone)) <= bool(found), (up, down)


def fired(expression: str, zone: str) -> set[datetime]:
    """Its next times on the local cloud, within a month."""
    read, moment, found = parse(expression, zone, NOW), NOW, set()
    for _ in range(200):
        due = read.next_after(moment)
        if due is None or due > NOW + timedelta(days=30):
            break
        found.add(due)
        moment = due
    return found


class TestSkipped:
    """Scheduler's user guide, "Daylight savings time": what spring leaves out is skipped. The dates
    of 2026 are the IANA time zone database's (release 2025b)."""

    @pytest.mark.parametrize(
        ("zone", "up", "message"),
        [
            (
                "America/New_York",
                "cron(30 2 * * ? *)",
                "schedule.up: America/New_York has no 02:30 on 2026-03-08, as its clocks go from "
                "02:00 to 03:00: EventBridge Scheduler skips it, and the environment is not woken "
                "before 2026-03-09 02:30; write cron(30 3 * * ? *)",
            ),
            (
                "Australia/Lord_Howe",  # half an hour
                "cron(15 2 ? * SUN *)",
                "schedule.up: Australia/Lord_Howe has no 02:15 on 2026-10-04, as its clocks go "
                "from 02:00 to 02:30: EventBridge Scheduler skips it, and the environment is not "
                "woken before 2026-10-11 02:15; write cron(45 2 ? * SUN *)",
            ),
            (
                "America/Santiago",  # at midnight
                "cron(0 0 ? * sun 2026-2028)",
                "schedule.up: America/Santiago has no 00:00 on 2026-09-06, as its clocks go from "
                "00:00 to 01:00: EventBridge Scheduler skips it, and the environment is not woken "
                "before 2026-09-13 00:00; write cron(0 1 ? * sun 2026-2028)",
            ),
            (
                "Europe/Berlin",
                "cron(10/20 1-4 29 3 ? 2026)",
                "schedule.up: Europe/Berlin has no 02:10 on 2026-03-29, as its clocks go from "
                "02:00 to 03:00: EventBridge Scheduler skips it, and the environment is not woken "
                "before 2026-03-29 03:10; write from 03:00 on, or before 02:00",
            ),
        ],
    )
    def test_a_skipped_up_is_warned_of_with_date_and_alternative(
        self, zone: str, up: str, message: str
    ) -> None:
        assert warnings(timezone=zone, up=up) == [message]

    @pytest.mark.parametrize("down", ["cron(59 2 ? * SUN *)", "cron(59 2 29 3 ? 2026)"])
    def test_a_skipped_down_is_warned_of(self, down: str) -> None:
        (message,) = warnings(down=down)
        assert message.startswith("schedule.down: Europe/Berlin has no 02:59 on 2026-03-29")
        assert "the environment does not end its day" in message

    @pytest.mark.parametrize(
        ("zone", "up"),
        [
            ("Europe/Berlin", "cron(30 2 ? * MON-FRI *)"),  # clocks change on a Sunday
            ("Europe/Berlin", "cron(0 3 * * ? *)"),
            ("Europe/Berlin", "cron(59 1 * * ? *)"),
            ("Europe/Berlin", "cron(30 2 25 10 ? *)"),  # comes twice, fires once
            ("Asia/Tokyo", "cron(30 2 * * ? *)"),
            ("UTC", "cron(30 2 * * ? *)"),
            ("America/New_York", "cron(30 2 14 3 ? 2027)"),  # more than 400 days ahead
        ],
    )
    def test_nothing_else_is_warned_of(self, zone: str, up: str) -> None:
        assert warnings(timezone=zone, up=up) == []

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe"])
    @pytest.mark.parametrize("up", ["cron(15 2 * * ? *)", "cron(0 0/2 ? * SUN *)"])
    def test_the_local_cloud_skips_the_same_times(self, zone: str, up: str) -> None:
        """Whose code is independent of the functions'."""
        there = parse(up, zone, NOW)
        fired, moment = set(), NOW
        while (due := there.next_after(moment)) and due - NOW < office_hours.LOOKED_AHEAD:
            fired.add(due.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
            moment = due
        for message in warnings(timezone=zone, up=up):
            words = message.split()
            time, day = words[words.index("no") + 1], words[words.index("on") + 1].rstrip(",")
            assert datetime.fromisoformat(f"{day}T{time}") not in fired

    def test_the_plan_shows_the_warning(self) -> None:
        hours = {**HOURS, "up": "cron(30 2 * * ? *)", "down": DOWN}
        checked = plan(environment(schedule=hours), requests.settings(), now=NOW)
        assert checked.blueprint is not None
        (message,) = checked.blueprint.warnings
        assert message.startswith("schedule.up: Europe/Berlin has no 02:30 on 2026-03-29")
