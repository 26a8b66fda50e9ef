"""When a lease ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac import times
from bivouac.environment import lease
from bivouac.environment.lease import Extension


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("45m", 2700), ("8h", 28_800), ("3d", 259_200)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert times.duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "8", "h", "0h", "-1h", "1.5h", "8 h", "8H", "1h30m", "08h", "100000d", "٣h", "8h\n", "1w"],
)
def test_an_invalid_duration_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and m, h or d"):
        times.duration_seconds(text)


def test_a_lease_is_never_shorter_than_requested() -> None:
    begun = datetime(2026, 1, 31, 12, 0, 0, 1, UTC)
    assert lease.expires_at(begun, 3600) == datetime(2026, 1, 31, 13, 0, 1, tzinfo=UTC)
    whole = begun.replace(microsecond=0)
    assert lease.expires_at(whole, 3600) == whole + timedelta(hours=1)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(60, 10**7))
def test_the_end_is_in_whole_seconds_and_at_most_one_late(begun: datetime, seconds: int) -> None:
    asked = begun.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    ends = lease.expires_at(begun.replace(tzinfo=UTC), seconds)
    assert timedelta(0) <= ends - asked < timedelta(seconds=1)
    assert times.moment(times.timestamp(ends)) == ends


def test_times_of_any_offset_are_written_in_utc() -> None:
    tokyo = datetime(2026, 1, 31, 21, tzinfo=timezone(timedelta(hours=9)))
    assert times.timestamp(tokyo) == "2026-01-31T12:00:00Z"
    assert times.moment("2026-01-31T21:00:00+09:00") == tokyo


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "tomorrow", ""])
def test_a_time_without_offset_is_refused(text: str) -> None:
    """W20: a time that two readers could read differently must not end an environment."""
    with pytest.raises(ValueError, match="write it as 2026-01-31T18:00:00Z"):
        times.moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T12:00:00+99:00",
    ],
)
def test_an_impossible_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="in any calendar"):
        times.moment(text)


@pytest.mark.parametrize(
    "text", ["2026-W05-6T12:00:00Z", "20260131T120000Z", "2026-01-31", "2026-01-31 12:00:00Z"]
)
def test_a_time_is_written_in_one_form(text: str) -> None:
    with pytest.raises(ValueError, match="is not a moment"):
        times.moment(text)


ASKED_AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_an_extension_counts_from_its_request() -> None:
    assert Extension(ASKED_AT, 3600).end(7200) == ASKED_AT + timedelta(hours=1)


def test_keep_extends_to_the_cap_and_nothing_goes_beyond() -> None:
    assert Extension(ASKED_AT, None).end(7200) == ASKED_AT + timedelta(hours=2)
    assert Extension(ASKED_AT, 7200).end(7200) == ASKED_AT + timedelta(hours=2)
    with pytest.raises(ValueError, match="3h is longer than the 2h"):
        Extension(ASKED_AT, 3 * 3600).end(7200)


@given(st.integers(1, 99_999), st.sampled_from("mhd"))
def test_a_duration_is_shown_as_it_could_be_written(number: int, unit: str) -> None:
    seconds = times.duration_seconds(f"{number}{unit}")
    assert times.duration_seconds(times.duration(seconds)) == seconds
