"""In whatever order intents arrive, and however often, the end is the same (W01, W18)."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from bivouac.environment.record import Status
from tests.functional.account import BivouacAccount
from tests.functional.playing import Player, requested, shuffled, story
from tests.requests import environment

ORDERS = 20
AT_ONCE = 10
WINDOW = 100.0
"""Seconds; Lambda's retry after three minutes comes after everything else."""


def test_the_last_intent_holds_in_the_intended_order(account: BivouacAccount) -> None:
    player = Player(account, random.Random(1))
    events, end = story("demo", account.now() - timedelta(minutes=20))
    player.play([(50.0 * number, event) for number, event in enumerate(events)])
    record = player.record("demo")
    assert record is not None
    assert (record.status, record.requested) == (Status.READY, end)
    assert player.dead_letters == []


@pytest.mark.parametrize("first", range(0, ORDERS, AT_ONCE))
def test_a_closed_pull_request_ends_its_environment_in_any_order(
    account: BivouacAccount, first: int
) -> None:
    """In any order, even if nobody knows yet what it ends."""
    for seed in range(first, first + AT_ONCE):
        chance = random.Random(seed)
        player = Player(account, chance)
        name, begins = f"demo-{seed}", account.now() - timedelta(minutes=20)
        pull_request = {"repository": "shop", "number": seed + 1}
        request = environment(name=name, triggers={"pullRequest": pull_request})
        asked = requested("EnvironmentRequested", {"request": request}, begins, f"{name}-1")
        closed = requested(
            "PullRequestClosed", pull_request, begins + timedelta(minutes=1), f"{name}-2"
        )

        player.play(shuffled([asked, closed], chance, WINDOW))

        record = player.record(name)
        assert record is None or record.status is Status.DELETED, seed
        assert player.dead_letters == [], seed


@pytest.mark.parametrize("first", range(0, ORDERS, AT_ONCE))
def test_the_last_intent_holds_in_any_order_with_repetitions(
    account: BivouacAccount, first: int
) -> None:
    for seed in range(first, first + AT_ONCE):
        chance = random.Random(seed)
        player = Player(account, chance)
        name = f"demo-{seed}"
        events, end = story(name, account.now() - timedelta(minutes=20))

        player.play(shuffled(events, chance, WINDOW))

        record = player.record(name)
        assert record is not None, seed
        assert (record.status, record.requested) == (Status.READY, end), seed
        assert player.dead_letters == [], seed
        assert set(Counter(player.changed).values()) == {1}, f"{seed}: followed twice"
