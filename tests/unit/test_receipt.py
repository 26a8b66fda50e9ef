"""What a receipt says after several checks of the same resources."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.deletion.receipt import (
    PART_LIMIT,
    Item,
    Outcome,
    bounded,
    concluded,
    failures,
    items_from_json,
    merged,
    step_answer,
)

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
def test_a_later_check_says_what_became_of_a_service(
    before: Outcome | None, now: Outcome | None, said: Outcome
) -> None:
    """D05: what we deleted stays "deleted" when it is later found gone."""
    earlier = [web(before)] if before else []
    later = [web(now)] if now else []
    assert [item.outcome for item in merged(earlier, later)] == [said]


def test_an_unreadable_resource_never_counts_as_deleted() -> None:
    """D17: a denied list is no evidence that something listed before has gone."""
    before = [web(Outcome.IN_PROGRESS, "draining"), Item("service", "shop", Outcome.DELETED)]
    denied = Item("service", "all of demo", Outcome.FAILED, "AccessDenied")
    said = {item.name: item for item in merged(before, [denied], unseen="AccessDenied")}
    assert said["web"].outcome is Outcome.FAILED
    assert "AccessDenied" in said["web"].reason
    assert said["shop"].outcome is Outcome.DELETED
    assert said["all of demo"].outcome is Outcome.FAILED


@given(items, items)
def test_no_resource_of_either_check_is_lost(before: list[Item], now: list[Item]) -> None:
    keys = {(item.kind, item.name) for item in (*before, *now)}
    result = merged(before, now)
    assert {(item.kind, item.name) for item in result} == keys
    assert len(result) == len(keys)


@given(items, items)
def test_a_repeated_check_changes_nothing(before: list[Item], now: list[Item]) -> None:
    once = merged(before, now)
    again = merged(once, now)
    settled = merged(again, now)
    assert again == settled


@given(items, items)
def test_a_failure_of_the_latest_check_is_always_reported(
    before: list[Item], now: list[Item]
) -> None:
    """Promise 2: never success with anything left."""
    told = {(item.kind, item.name) for item in failures(merged(before, now))}
    assert {(item.kind, item.name) for item in failures(now)} <= told


@given(items)
def test_items_survive_json(listed: list[Item]) -> None:
    assert items_from_json([item.to_json() for item in listed]) == listed


def test_a_step_says_whether_something_is_still_being_deleted() -> None:
    assert step_answer([], [web(Outcome.IN_PROGRESS)])["status"] == "IN_PROGRESS"
    for outcome in set(Outcome) - {Outcome.IN_PROGRESS}:
        assert step_answer([], [web(outcome)])["status"] == "DONE"
    assert step_answer([], []) == {"status": "DONE", "items": []}


@pytest.mark.parametrize(
    ("said", "found", "ended"),
    [
        (Outcome.IN_PROGRESS, None, Outcome.DELETED),
        (Outcome.IN_PROGRESS, Outcome.FAILED, Outcome.FAILED),
        (Outcome.DELETED, None, Outcome.DELETED),
        (Outcome.DELETED, Outcome.FAILED, Outcome.FAILED),
        (Outcome.ALREADY_GONE, None, Outcome.ALREADY_GONE),
        (Outcome.ALREADY_GONE, Outcome.FAILED, Outcome.FAILED),
        (Outcome.DELETING, None, Outcome.DELETING),
        (Outcome.RETAINED, Outcome.RETAINED, Outcome.RETAINED),
        (Outcome.RETAINED, Outcome.FAILED, Outcome.FAILED),
        (Outcome.FAILED, None, Outcome.ALREADY_GONE),
        (Outcome.FAILED, Outcome.FAILED, Outcome.FAILED),
        (None, Outcome.FAILED, Outcome.FAILED),
        (None, Outcome.RETAINED, Outcome.RETAINED),
    ],
)
def test_the_last_check_overrides_a_step(
    said: Outcome | None, found: Outcome | None, ended: Outcome
) -> None:
    """D05, D17, promise 2."""
    steps = [web(said)] if said else []
    look = [web(found)] if found else []
    assert [item.outcome for item in concluded(steps, look)] == [ended]


def test_a_refusal_is_quoted_and_a_delay_names_what_it_awaits() -> None:
    look = [web(Outcome.FAILED, "still there")]
    assert concluded([web(Outcome.FAILED, "AccessDenied")], look) == [
        web(Outcome.FAILED, "AccessDenied")
    ]
    assert concluded([web(Outcome.IN_PROGRESS, "draining")], look) == [
        web(Outcome.FAILED, "still there: draining")
    ]


def test_while_anything_is_left_no_refusal_is_overridden() -> None:
    """D17: a denied list is reported by its prefix, which no check finds."""
    denied = Item("task definition", "demo--*", Outcome.FAILED, "AccessDenied")
    assert denied in concluded([denied], [web(Outcome.FAILED)])
    assert failures(concluded([denied], [])) == []


@given(items, items)
def test_nothing_that_the_last_check_found_is_lost(said: list[Item], found: list[Item]) -> None:
    """Promise 2."""
    told = {(item.kind, item.name) for item in failures(concluded(said, found))}
    assert {(item.kind, item.name) for item in failures(found)} <= told


class TestBounded:
    """An execution's state holds six such answers and more, and the record one receipt."""

    def test_a_short_list_is_reported_in_full(self) -> None:
        found = [Item("service", f"web-{number}", Outcome.DELETED) for number in range(77)]
        assert bounded(found, PART_LIMIT) == found

    def test_in_a_long_list_failures_come_first_and_the_rest_is_counted(self) -> None:
        gone = [Item("task definition", f"web:{number}", Outcome.DELETING) for number in range(990)]
        failed = [Item("task definition", f"api:{number}", Outcome.FAILED, "no") for number in "12"]
        told = bounded([*gone, *failed], PART_LIMIT)
        assert len(json.dumps([item.to_json() for item in told])) <= PART_LIMIT
        assert told[:2] == failed
        one_by_one = [item for item in told[2:] if not item.several]
        (rest,) = [item for item in told if item.several]
        counted = f"and {990 - len(one_by_one)} more"
        assert rest == Item("task definition", counted, Outcome.DELETING, several=True)
        assert items_from_json([rest.to_json()]) == [rest]

    def test_however_many_failed_each_kind_is_counted(self) -> None:
        names = [f"{number}".rjust(100, "t") for number in range(900)]
        tasks = [Item("stray task", name, Outcome.FAILED, "r" * 500) for name in names]
        groups = [Item("log group", f"/group/{n}", Outcome.RETAINED) for n in range(900)]
        told = bounded([*tasks, *groups], PART_LIMIT)
        assert len(json.dumps([item.to_json() for item in told])) <= PART_LIMIT
        counted = {(item.kind, item.outcome) for item in told if item.several}
        assert counted == {("stray task", Outcome.FAILED), ("log group", Outcome.RETAINED)}
        assert failures(told)

    def test_counted_resources_are_gone_once_the_check_does_not_find_them(self) -> None:
        before = [Item("stray task", "and 3 more", Outcome.IN_PROGRESS)]
        assert merged(before, []) == [Item("stray task", "and 3 more", Outcome.DELETED)]

    def test_a_reason_is_cut_to_its_limit(self) -> None:
        assert len(Item("service", "web", Outcome.FAILED, "r" * 5000).to_json()["reason"]) == 600
