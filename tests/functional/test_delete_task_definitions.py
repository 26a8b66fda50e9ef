"""Delete task definitions: every revision of the environment's families, nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from delete_task_definitions import delete_task_definitions

from bivouac.aws import ecs
from bivouac.environment.blueprint import Blueprint, register_task_definition_arguments
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, deletion_event, small_pages
from tests.functional.inventory import definition
from tests.functional.machines import outcomes
from tests.requests import environment

KIND = "task definition"


def step(
    account: BivouacAccount,
    blueprint: Blueprint,
    items: list[dict[str, str]] | None = None,
    registered: Sequence[str] = (),
) -> dict[str, Any]:
    deletion = account.deletion(blueprint, items)
    return delete_task_definitions(deletion, registered, account.client("ecs"))


def revisions(account: BivouacAccount, count: int) -> Blueprint:
    """An environment whose one family has this many revisions."""
    blueprint = account.planned(environment())
    arguments = register_task_definition_arguments(blueprint, blueprint.services[0])
    for _ in range(count):
        account.client("ecs").register_task_definition(**arguments)
    account.forget_calls()
    return blueprint


def arns(account: BivouacAccount) -> list[str]:
    found: list[str] = account.client("ecs").list_task_definitions()["taskDefinitionArns"]
    account.forget_calls()
    return found


def named(*numbers: int) -> set[tuple[str, str]]:
    return {(KIND, f"bivouac-demo--web:{number}") for number in numbers}


def test_revisions_are_deregistered_and_reported_as_deleting(
    account: BivouacAccount,
) -> None:
    """T12: ECS keeps them until nothing refers to them."""
    blueprint = revisions(account, 2)
    answer = step(account, blueprint)
    assert answer["status"] == "DONE"
    assert outcomes(answer) == dict.fromkeys(named(1, 2), "DELETING")
    client = account.client("ecs")
    for status in ("ACTIVE", "INACTIVE"):
        assert ecs.revisions(client, "bivouac-demo--web", status) == []


def test_recorded_revisions_are_not_searched_for(account: BivouacAccount) -> None:
    """What we registered ourselves is ours; ten are deleted a call, across families."""
    blueprint = revisions(account, 12)
    answer = step(account, blueprint, registered=arns(account))
    assert outcomes(answer) == dict.fromkeys(named(*range(1, 13)), "DELETING")
    assert account.calls == [
        *["ecs:DeregisterTaskDefinition"] * 12,
        *["ecs:DeleteTaskDefinitions"] * 2,
    ]
    assert answer["thorough"] is False


def test_in_a_later_round_they_are_searched_for(account: BivouacAccount) -> None:
    """Promise 2: the last check found one that the record does not name."""
    blueprint = revisions(account, 2)
    first, second = arns(account)
    before = step(account, blueprint, registered=[first])
    answer = step(account, blueprint, before["items"], registered=[first])
    assert outcomes(answer) == dict.fromkeys(named(1, 2), "DELETING")
    assert second not in arns(account)


def test_a_recorded_revision_that_is_missing_makes_the_last_check_thorough(
    account: BivouacAccount,
) -> None:
    """T12, T13: ECS has forgotten it, or it never existed; the check decides."""
    blueprint = revisions(account, 1)
    (known,) = arns(account)
    answer = step(account, blueprint, registered=[known, known.replace(":1", ":7")])
    assert sorted(outcomes(answer).values()) == ["DELETING", "FAILED"]
    assert answer["thorough"] is True


def test_a_second_delete_changes_nothing_and_answers_the_same(account: BivouacAccount) -> None:
    """T12, S21: also if the first one's answer was lost."""
    blueprint = revisions(account, 1)
    step(account, blueprint)
    account.forget_calls()
    assert outcomes(step(account, blueprint)) == dict.fromkeys(named(1), "DELETING")
    assert account.mutating_calls == []


def test_a_deregistered_revision_is_deleted(account: BivouacAccount) -> None:
    """T12: killed between the two calls."""
    blueprint = revisions(account, 2)
    account.client("ecs").deregister_task_definition(taskDefinition="bivouac-demo--web:1")
    assert outcomes(step(account, blueprint)) == dict.fromkeys(named(1, 2), "DELETING")


def test_revisions_are_deleted_in_batches(account: BivouacAccount) -> None:
    """T12, D16: ten a call, every page read."""
    blueprint = revisions(account, 23)
    with small_pages(account):
        answer = step(account, blueprint)
    assert outcomes(answer) == dict.fromkeys(named(*range(1, 24)), "DELETING")
    assert account.mutating_calls.count("ecs:DeleteTaskDefinitions") == 3


def test_a_family_under_our_prefix_that_is_not_ours_is_retained(account: BivouacAccount) -> None:
    """D18."""
    blueprint = revisions(account, 1)
    account.client("ecs").register_task_definition(**definition("bivouac-demo--theirs"))
    account.client("ecs").register_task_definition(**definition("bivouac-demo-2--web"))
    answer = step(account, blueprint)
    assert outcomes(answer) == {
        (KIND, "bivouac-demo--web:1"): "DELETING",
        (KIND, "bivouac-demo--theirs:1"): "RETAINED",
    }
    active = account.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    assert {arn.rpartition("/")[2] for arn in active} == {
        "bivouac-demo--theirs:1",
        "bivouac-demo-2--web:1",
    }


def test_a_denied_deregistration_does_not_stop_the_others(
    account: BivouacAccount,
) -> None:
    """D17."""
    blueprint = revisions(account, 2)

    def first(number: int, call: str) -> bool:
        return call == "ecs:DeregisterTaskDefinition" and account.calls.count(call) == 1

    with injected(Injection(account, Fault.DENIED, first)):
        answer = step(account, blueprint)
    assert sorted(outcomes(answer).values()) == ["DELETING", "FAILED"]


def test_each_denied_deletion_is_reported(account: BivouacAccount) -> None:
    """D17."""
    blueprint = revisions(account, 2)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "DeleteTask" in call)):
        answer = step(account, blueprint)
    assert outcomes(answer) == dict.fromkeys(named(1, 2), "FAILED")
    again = step(account, blueprint, answer["items"])
    assert outcomes(again) == dict.fromkeys(named(1, 2), "DELETING")


def test_a_denied_list_is_a_failure_until_it_succeeds(account: BivouacAccount) -> None:
    """D17."""
    blueprint = revisions(account, 1)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "Families" in call)):
        answer = step(account, blueprint)
    assert outcomes(answer) == {(KIND, "bivouac-demo--*"): "FAILED"}
    again = step(account, blueprint, answer["items"])
    assert "FAILED" not in outcomes(again).values()


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(revisions(account, 1))
    event = deletion_event()
    account.records.add_task_definitions("demo", 1, arns(account))
    answer = account.invoke("delete_task_definitions", {**event, "recorded": True})
    assert outcomes(answer) == dict.fromkeys(named(1), "DELETING")
    assert "ecs:ListTaskDefinitionFamilies" not in account.calls


def test_a_record_with_no_room_for_all_is_not_relied_on(
    account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Months of redeploys register more than an item of 400 KB can name."""
    monkeypatch.setattr("bivouac.environment.record.DEFINITIONS_KEPT", 2)
    account.holds(revisions(account, 3))
    event = deletion_event()
    account.records.add_task_definitions("demo", 1, arns(account)[:2])
    answer = account.invoke("delete_task_definitions", {**event, "recorded": True})
    assert outcomes(answer) == dict.fromkeys(named(1, 2, 3), "DELETING")


def test_after_an_earlier_deletion_the_record_is_not_relied_on(account: BivouacAccount) -> None:
    """What it names was already deleted, as far as that deletion got."""
    account.holds(revisions(account, 1))
    event = deletion_event()
    registered = arns(account)
    account.records.add_task_definitions("demo", 1, registered)
    account.client("ecs").deregister_task_definition(taskDefinition=registered[0])
    account.forget_calls()
    account.invoke("delete_task_definitions", {**event, "recorded": False})
    assert account.mutating_calls == ["ecs:DeleteTaskDefinitions"]
