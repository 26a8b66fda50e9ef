"""As many edges as a request may have, within the limits of states and items."""

from __future__ import annotations

from tests.functional.account import bivouac_account
from tests.functional.measured import is_proven_and_deleted_within_the_limits
from tests.largest import many_edges, services
from tests.requests import environment


def test_240_edges_are_proven_and_deleted_within_the_limits() -> None:
    with bivouac_account() as account:
        is_proven_and_deleted_within_the_limits(account, many_edges("demo"))


def test_60_tasks_are_proven_and_deleted_within_the_limits() -> None:
    request = environment(*services(3, desiredCount=20), name="demo")
    with bivouac_account() as account:
        is_proven_and_deleted_within_the_limits(account, request)
