"""What a receipt says after several looks at the same resources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.receipt import Item, Outcome, failures, items_from_json, merged, step_answer

items = st.lists(
    st.builds(
        Item,
        kind=st.sampled_from(["service", "cluster"]),
        name=st.sampled_from(["a", "b", "c"]),
        outcome=st.sampled_from(Outcome),
        reason=st.sampled_from(["", "because"]),
    ),
    max_size=6,
    unique_by=lambda item: (item.kind, item.name),
)


def web(outcome: Outcome, reason: str = "") -> Item:
    return Item("service", "web", outcome, reason)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (None, Outcome.ALREADY_GONE, Outcome.ALREADY_GONE),
        (None, Outcome.IN_PROGRESS, Outcome.IN_PROGRESS),
        (Outcome.IN_PROGRESS, Outcome.IN_PROGRESS, Outcome.IN_PROGRESS),
        (Outcome.IN_PROGRESS, Outcome.ALREADY_GONE, Outcome.DELETED),
        (Outcome.IN_PROGRESS, None, Outcome.DELETED),
        (Outcome.IN_PROGRESS, Outcome.FAILED, Outcome.FAILED),
        (Outcome.DELETED, Outcome.ALREADY_GONE, Outcome.DELETED),
        (Outcome.DELETED, None, Outcome.DELETED),
        (Outcome.DELETED, Outcome.FAILED, Outcome.FAILED),
        (Outcome.DELETING, Outcome.ALREADY_GONE, Outcome.DELETING),
        (Outcome.DELETING, None, Outcome.DELETING),
        (Outcome.FAILED, Outcome.ALREADY_GONE, Outcome.ALREADY_GONE),
        (Outcome.FAILED, Outcome.DELETED, Outcome.DELETED),
        (Outcome.FAILED, Outcome.IN_PROGRESS, Outcome.IN_PROGRESS),
        (Outcome.FAILED, None, Outcome.ALREADY_GONE),
        (Outcome.RETAINED, None, Outcome.RETAINED),
        (Outcome.ALREADY_GONE, Outcome.ALREADY_GONE, Outcome.ALREADY_GONE),
    ],
)
def test_a_later_look_says_what_became_of_a_service(
    before: Outcome | None, now: Outcome | None, said: Outcome
) -> None:
    """D05: what we deleted stays "deleted" when it is later found gone."""
    earlier = [web(before)] if before else []
    later = [web(now)] if now else []
    assert [item.outcome for item in merged(earlier, later)] == [said]


def test_what_a_look_could_not_see_is_never_called_deleted() -> None:
    """D17: a denied list is no evidence that what was listed before has gone."""
    before = [web(Outcome.IN_PROGRESS, "draining"), Item("service", "shop", Outcome.DELETED)]
    denied = Item("services of cluster", "demo", Outcome.FAILED, "AccessDenied")
    said = {item.name: item for item in merged(before, [denied], unseen="AccessDenied")}
    assert said["web"].outcome is Outcome.FAILED
    assert "AccessDenied" in said["web"].reason
    assert said["shop"].outcome is Outcome.DELETED
    assert said["demo"].outcome is Outcome.FAILED


@given(items, items)
def test_no_resource_of_either_look_is_lost(before: list[Item], now: list[Item]) -> None:
    keys = {(item.kind, item.name) for item in (*before, *now)}
    result = merged(before, now)
    assert {(item.kind, item.name) for item in result} == keys
    assert len(result) == len(keys)


@given(items, items)
def test_looking_again_at_the_same_changes_nothing(before: list[Item], now: list[Item]) -> None:
    once = merged(before, now)
    again = merged(once, now)
    settled = merged(again, now)
    assert again == settled


@given(items, items)
def test_a_failure_of_the_latest_look_is_always_told(before: list[Item], now: list[Item]) -> None:
    """Promise 2: never success with anything left."""
    told = {(item.kind, item.name) for item in failures(merged(before, now))}
    assert {(item.kind, item.name) for item in failures(now)} <= told


@given(items)
def test_items_survive_json(listed: list[Item]) -> None:
    assert items_from_json([item.to_json() for item in listed]) == listed


def test_a_step_waits_while_something_is_in_progress_and_no_longer() -> None:
    assert step_answer([], [web(Outcome.IN_PROGRESS)], 2)["status"] == "IN_PROGRESS"
    assert step_answer([], [web(Outcome.IN_PROGRESS)], 2)["waitSeconds"] == 2
    for outcome in set(Outcome) - {Outcome.IN_PROGRESS}:
        assert step_answer([], [web(outcome)], 2)["status"] == "DONE"
    assert step_answer([], [], 2) == {"status": "DONE", "waitSeconds": 2, "items": []}
