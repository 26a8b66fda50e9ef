"""How long to wait before looking again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac import pace

statuses = st.lists(st.sampled_from([*pace.BY_TASK_STATUS, "DEPROVISIONING"]), max_size=5)


@given(st.floats(0, 7200), statuses)
def test_a_pause_is_never_longer_than_ten_seconds_nor_shorter_than_one(
    waited: float, tasks: list[str]
) -> None:
    """S20, W07."""
    assert 1 <= pace.before_next_look(waited, tasks) <= pace.LONGEST


@pytest.mark.parametrize(
    ("tasks", "seconds"),
    [
        ([], pace.NO_TASK_YET),
        (["PROVISIONING"], 4),
        (["PENDING"], 2),
        (["RUNNING"], 1),
        (["RUNNING", "PROVISIONING"], 4),
        (["DEPROVISIONING"], pace.NO_TASK_YET),
    ],
)
def test_the_slowest_awaited_task_decides_how_soon_to_look(tasks: list[str], seconds: int) -> None:
    """H20: near the end each second of lag is lost; while interfaces are attached none is."""
    assert pace.before_next_look(0, tasks) == seconds


@given(st.floats(0, 7200), st.floats(0, 7200), statuses)
def test_the_pause_grows_with_the_time_waited(one: float, other: float, tasks: list[str]) -> None:
    less, more = sorted((one, other))
    assert pace.before_next_look(less, tasks) <= pace.before_next_look(more, tasks)


@pytest.mark.parametrize("status", [*pace.BY_TASK_STATUS, "nothing known"])
def test_the_longest_wait_stays_far_below_the_limit_of_events(status: str) -> None:
    """W07: 25,000 events; a look with its Choice and Wait costs about nine."""
    waited, looks = 0.0, 0
    while waited < 7200:
        waited += pace.before_next_look(waited, [status])
        looks += 1
    assert looks * 9 < 25_000 / 2
