"""How many right answers in a row are asked for, and what passes by chance: exact figures."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from bivouac.proof import row
from bivouac.proof.edge_rules import IN_A_ROW, OF_CONNECTIONS, Row
from bivouac.proof.row import Answer

HALF = Fraction(1, 2)
UNDER_1_PERCENT = Fraction(1, 100)
LONGEST_DEADLINE = 2 * 60 * 60
"""Seconds; the longest `timeouts.ready` is shorter (docs/request.md)."""
SHORTEST_PAUSE = 0.3
"""Seconds after an answer that was wrong, of a proof client."""


def passing_by_chance(right: Fraction, answers: int) -> Fraction:
    """That a server which answers rightly with this probability, each time anew, is proven within
    so many answers: the Markov chain of the row's states."""
    states, proven = {(0, IN_A_ROW): Fraction(1)}, Fraction(0)
    for _ in range(answers):
        after: dict[tuple[int, int], Fraction] = {}
        for (had, needed), probability in states.items():
            for good, chance in ((True, right), (False, 1 - right)):
                each = Row(IN_A_ROW)
                each.right, each.needed = had, needed
                if each.add(good):
                    proven += probability * chance
                else:
                    state = (each.right, each.needed)
                    after[state] = after.get(state, Fraction(0)) + probability * chance
        states = after
    return proven


def test_a_server_that_fails_at_random_every_other_time_hardly_ever_passes() -> None:
    """Within the longest deadline. Three in a row passed in 27 % of all tries."""
    answers = 500
    most_rows_after_that = int(LONGEST_DEADLINE / SHORTEST_PAUSE)
    a_row_of_the_longest = HALF ** (Row(IN_A_ROW).most - 1)
    at_most = passing_by_chance(HALF, answers) + most_rows_after_that * a_row_of_the_longest
    assert HALF**7 < at_most < UNDER_1_PERCENT


def test_the_figures_of_the_decision_record() -> None:
    """docs/decisions/0012-edges-proven-by-clients.md has them, as percentages."""
    shown = {failing: passing_by_chance(1 - failing, 500) for failing in (HALF, Fraction(2, 3))}
    assert [f"{100 * float(each):.2f}" for each in shown.values()] == ["0.78", "0.05"]


def needed(*answers: bool, begin: int = IN_A_ROW) -> int:
    """How many answers in a row it asks for after these."""
    made = Row(begin)
    for good in answers:
        assert not made.add(good)
    return made.needed


@pytest.mark.parametrize(
    ("answers", "times"),
    [
        ([], 1),
        ([False] * 100, 1),
        ([True, False], 2),
        ([True, False, False, False], 2),
        ([True, False] * 2, 4),
        ([True, False] * 1000, 4),
    ],
)
def test_what_fails_while_it_starts_asks_for_no_more_and_later_failures_for_a_bounded_number(
    answers: list[bool], times: int
) -> None:
    """P07, H23."""
    assert needed(*answers) == times * IN_A_ROW
    assert needed(*answers, begin=OF_CONNECTIONS) == times * OF_CONNECTIONS


class Time:
    """Each answer takes some seconds; nothing else takes any but sleeping."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now, self._seconds = 0.0, seconds
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def asked(self, *answers: bool) -> Answer:
        """The result, of a server that repeats the last answer."""
        script: Iterator[bool] = iter(answers)

        def ask() -> Answer:
            self.now += self._seconds
            return Answer(good := next(script, answers[-1]), "right" if good else "wrong")

        return row.in_a_row(ask)


@pytest.mark.parametrize(
    ("answers", "most_seconds"),
    [([True], 0.2), ([False] * 3 + [True], 1.2), ([True, False, True], 0.8)],
    ids=["healthy", "fails while it starts", "fails once"],
)
def test_a_healthy_server_is_hardly_delayed(
    answers: list[bool], most_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Time(monkeypatch, 0.02)
    assert clock.asked(*answers).good
    assert clock.now < most_seconds


@pytest.mark.parametrize("seconds", [2.0, 3.0])
def test_a_server_that_takes_long_for_each_answer_has_time_for_the_row(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt may take 3 s (asking.ATTEMPT_SECONDS)."""
    assert Time(monkeypatch, seconds).asked(True).good


@pytest.mark.parametrize(
    ("answers", "final", "said"),
    [
        ([False], False, "wrong"),
        ([True] * 5 + [False], False, "wrong, 1 time between right answers"),
        (
            [True, False] * 100_000,
            True,
            "answers differently each time, {n} of {m} failed after a right one: wrong",
        ),
    ],
)
def test_after_the_window_it_says_what_failed(
    answers: list[bool], final: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda shortest, longest: longest)
    result = Time(monkeypatch, 0.2).asked(*answers)
    # A right and a wrong answer and the pause take 0.7 s of the window's 15.
    counts: dict[str, Any] = {"n": 22, "m": 44}
    assert (result.good, result.final) == (False, final)
    assert result.observed == said.format(**counts)
