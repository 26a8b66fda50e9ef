"""A few scenarios of the chaos benchmark, with fixed seeds; `make bench BENCH=chaos` plays 300."""

from __future__ import annotations

import pytest

from bench.chaos.drawing import drawn
from bench.chaos.running import play_all, play_in_processes


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(110, id="a service of somebody else in the cluster"),
        pytest.param(205, id="a sleep, a push and a create beside accidents"),
    ],
)
def test_every_promise_holds(seed: int) -> None:
    (played,) = play_all([drawn(seed)], shrink=False)
    assert played.violations == [], played.scenario.described()


def test_in_a_process_of_its_own_every_promise_holds() -> None:
    """As the benchmark plays: a sweep meets a create, and a sleep comes after."""
    (played,) = play_in_processes([drawn(285)], processes=2)
    assert played.violations == [], played.scenario.described()
