"""How long to wait before looking again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bivouac import pace


@given(st.floats(0, 7200))
def test_the_lag_stays_below_a_twentieth_of_the_whole_or_at_the_shortest_pause(
    waited: float,
) -> None:
    """W07, S20: few looks, and little lost after the true moment."""
    pause = pace.before_next_look(waited)
    assert pace.SHORTEST <= pause <= pace.LONGEST
    assert pause <= max(pace.SHORTEST, waited * pace.SHARE + 0.5)


def test_the_pause_grows_with_the_time_waited() -> None:
    pauses = [pace.before_next_look(waited) for waited in range(0, 600, 10)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2, 10)


def test_the_longest_wait_stays_far_below_the_limit_of_events() -> None:
    """W07: 25,000 events; a look with its Choice and Wait costs about nine."""
    waited, looks = 0.0, 0
    while waited < 7200:
        waited += pace.before_next_look(waited)
        looks += 1
    assert looks * 9 < 25_000 / 2
