from __future__ import annotations

from tests.functional.account import BivouacAccount
from tests.requests import event


def test_the_tutorial_becomes_healthy_and_registered(account: BivouacAccount) -> None:
    blueprint = account.planned(event("tutorial"))
    expected = account.create(event("tutorial"))
    answer = account.until(lambda: account.look(blueprint, expected), "HEALTHY")
    print(answer)
    assert answer["targets"][0]["public_address"]
