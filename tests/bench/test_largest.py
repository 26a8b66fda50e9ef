"""A request measured as too large is refused when it is planned, and the others are accepted."""

from __future__ import annotations

import pytest

from bench.largest import LIMITS, REFUSED, Watching
from bivouac.request.planning.plan import plan
from tests.largest import LARGEST
from tests.requests import NOW, settings


@pytest.mark.parametrize("kind", REFUSED)
def test_too_large_is_refused_with_the_reason(kind: str) -> None:
    checked = plan(REFUSED[kind]("demo"), settings(), NOW)
    assert checked.problems
    assert all(problem.startswith("services: ") for problem in checked.problems)


@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_is_accepted(kind: str) -> None:
    checked = plan(LARGEST[kind]("demo"), settings(), NOW)
    assert checked.blueprint is not None, checked.problems


def test_each_part_of_a_history_counts_against_its_own_limit() -> None:
    watching = Watching()
    watching.execution(
        [
            {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": "x" * 1}},
            {"type": "TaskStateEntered", "stateEnteredEventDetails": {"input": "x" * 2}},
            {"type": "LambdaFunctionScheduled", "details": {"input": "x" * 3}},
            {"type": "TaskScheduled", "details": {"parameters": "x" * 4}},
            {"type": "ParallelStateExited", "stateExitedEventDetails": {"output": "日本"}},
            {"type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": "x" * 5}},
        ]
    )
    assert watching.now.sizes == {"history": 6, "state": 6, "function": 4, "output": 5}
    assert watching.now.sizes.keys() <= LIMITS.keys()
