"""The errors that end a step."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from bivouac import errors

CAUSE_LIMIT = 32_768
"""Characters of a cause in Step Functions; what is longer is cut, and is then no JSON any more."""


def cause(error: Exception) -> str:
    """The cause that Lambda passes to Step Functions for an exception."""
    trace = ['  File "/var/task/check_request.py", line 47, in check_request\n'] * 8
    return json.dumps(
        {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": "8ac1e4d8-5a0e-4c1e-9d3f-0a1b2c3d4e5f",
            "stackTrace": trace,
        }
    )


def test_one_problem_and_many_are_listed() -> None:
    assert str(errors.InvalidRequestError(["a: wrong"])) == "1 problem in the request:\n- a: wrong"
    several = errors.InvalidRequestError(["a: wrong", "b: wrong"])
    assert str(several) == "2 problems in the request:\n- a: wrong\n- b: wrong"
    assert several.problems == ("a: wrong", "b: wrong")


@given(st.lists(st.text(max_size=50), min_size=1, max_size=50))
@example(["\U0001f3d5" * 5000] * 100)
@example(["\x00" * 5000])
@example(["a"] * 20_000)
def test_any_list_of_problems_fits_a_cause_of_step_functions(problems: list[str]) -> None:
    """W08: the machine reads the message from the cause's JSON, so it must not be cut."""
    assert len(cause(errors.InvalidRequestError(problems))) <= CAUSE_LIMIT


def test_problems_that_do_not_fit_are_counted() -> None:
    error = errors.InvalidRequestError([f"services[{n}]: {'x' * 400}" for n in range(200)])
    assert "services[0]" in str(error)
    assert str(error).startswith("200 problems in the request:")
    assert "more" in str(error).splitlines()[-1]


def test_a_problem_is_always_one_line() -> None:
    """Failure-modes 7.2: user text never shapes a log line or a list."""
    error = errors.InvalidRequestError(["a\nb\x00c\x1b[31m: unknown field"])
    assert str(error).splitlines()[1:] == ["- a b c [31m: unknown field"]
