"""Requests that are large in one way each, within the limits of states and items."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional.account import BivouacAccount
from tests.functional.machines import Event
from tests.functional.measured import is_proven_and_deleted_within_the_limits
from tests.largest import chain, longest_names, longest_values

REQUESTS = {
    "longest names": longest_names,
    "longest values": longest_values,
    "8 in a chain": lambda name: chain(name, 8),
}
"""Smaller than the largest, which the benchmark has (bench/largest.py)."""


@pytest.mark.parametrize("request_of", REQUESTS.values(), ids=REQUESTS.keys())
def test_it_is_proven_and_deleted_within_the_limits(
    account: BivouacAccount, request_of: Callable[[str], Event]
) -> None:
    is_proven_and_deleted_within_the_limits(account, request_of("demo"))
