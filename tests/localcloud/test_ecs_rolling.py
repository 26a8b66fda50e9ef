"""The decision of a rolling deployment, case by case."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.ecs.rolling import Bounds, bounds, plan


@dataclass(frozen=True)
class FakeTask:
    serving: bool


def tasks(serving: int, pending: int = 0) -> list[FakeTask]:
    return [FakeTask(True)] * serving + [FakeTask(False)] * pending


CASES = [
    # desired, (max %, min %), new, old -> started, stopped, blocked
    pytest.param(2, (200, 100), tasks(0), tasks(0), 2, 0, False, id="create"),
    pytest.param(2, (200, 100), tasks(1, 1), tasks(0), 0, 0, False, id="wait for what starts"),
    pytest.param(2, (200, 100), tasks(0), tasks(2), 2, 0, False, id="start beside the old"),
    pytest.param(2, (200, 100), tasks(1, 1), tasks(2), 0, 1, False, id="one has taken over"),
    pytest.param(2, (200, 100), tasks(2), tasks(2), 0, 2, False, id="both have taken over"),
    pytest.param(2, (100, 50), tasks(0), tasks(2), 0, 1, False, id="stop one to make room"),
    pytest.param(2, (100, 50), tasks(0, 1), tasks(1), 0, 0, False, id="the last one must serve"),
    pytest.param(1, (100, 0), tasks(0), tasks(1), 0, 1, False, id="none need serve"),
    pytest.param(1, (150, 100), tasks(0), tasks(1), 0, 0, True, id="H19"),
    pytest.param(1, (200, 100), tasks(3), tasks(0), 0, 2, False, id="scale in"),
    pytest.param(0, (200, 100), tasks(2), tasks(1), 0, 3, False, id="scale to zero"),
    pytest.param(2, (200, 100), tasks(0), tasks(0, 2), 2, 0, False, id="old that never served"),
]


@pytest.mark.parametrize(("desired", "percents", "new", "old", "start", "stop", "blocked"), CASES)
def test_how_many_tasks_start_and_which_ones_stop(
    desired: int,
    percents: tuple[int, int],
    new: list[FakeTask],
    old: list[FakeTask],
    start: int,
    stop: int,
    blocked: bool,
) -> None:
    most, least = percents
    limits = bounds(desired, {"maximumPercent": most, "minimumHealthyPercent": least})
    decided = plan(desired, limits, new, old)
    assert (decided.start, len(decided.stop), decided.blocked) == (start, stop, blocked)


def test_a_failed_deployment_makes_no_room_for_tasks_it_will_not_start() -> None:
    """H02."""
    decided = plan(2, Bounds(2, 1), new=[], old=tasks(2), launching=False)
    assert (decided.start, decided.stop, decided.blocked) == (0, (), False)


def test_tasks_that_do_not_serve_are_stopped_first() -> None:
    decided = plan(1, Bounds(2, 1), new=tasks(1, 1), old=[])
    assert decided.stop == (FakeTask(False),)


task_lists = st.lists(st.builds(FakeTask, st.booleans()), max_size=6)


@given(
    desired=st.integers(0, 5),
    most=st.integers(100, 200),
    least=st.integers(0, 100),
    new=task_lists,
    old=task_lists,
)
def test_the_bounds_hold_whatever_the_situation(
    desired: int, most: int, least: int, new: list[FakeTask], old: list[FakeTask]
) -> None:
    """Never more than the maximum alive, never fewer than the minimum serving."""
    limits = bounds(desired, {"maximumPercent": most, "minimumHealthyPercent": least})
    decided = plan(desired, limits, new[:desired], old)
    live = len(new[:desired]) + len(old)
    assert decided.start == 0 or live + decided.start <= limits.most
    serving = sum(task.serving for task in [*new[:desired], *old])
    stopped = sum(task.serving for task in decided.stop)
    assert stopped == 0 or serving - stopped >= limits.least
