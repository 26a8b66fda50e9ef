"""Look for leftovers: nothing is called gone on one look, and nothing foreign is called ours."""

from __future__ import annotations

from typing import Any

import pytest
from look_for_leftovers import CLEAN_LOOKS, ROUNDS, look_for_leftovers

from bivouac import errors
from bivouac.blueprint import Blueprint
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, small_pages
from tests.functional.inventory import foreign_neighbours
from tests.requests import environment, web

FIRST = {"clean": 0, "rounds": 0}


def look(account: BivouacAccount, blueprint: Blueprint, before: dict[str, Any]) -> dict[str, Any]:
    return look_for_leftovers(
        blueprint,
        before,
        account.client("ecs"),
        account.client("servicediscovery"),
        account.client("logs"),
    )


def left(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(item["kind"], item["name"]) for item in answer["left"]}


def test_two_looks_in_a_row_must_find_nothing(account: BivouacAccount) -> None:
    """D11, D15: one look is not proof, because lists are eventually consistent."""
    blueprint = account.planned(environment())
    one = look(account, blueprint, FIRST)
    assert (one["status"], one["clean"], one["left"]) == ("CLEAN", 1, [])
    two = look(account, blueprint, one)
    assert (two["status"], two["clean"]) == ("DONE", CLEAN_LOOKS)


def test_everything_that_is_there_is_named(account: BivouacAccount) -> None:
    blueprint = account.healthy(environment())
    answer = look(account, blueprint, FIRST)
    assert answer["status"] == "LEFT"
    (task,) = [name for kind, name in left(answer) if kind == "stray task"]
    assert left(answer) == {
        ("cluster", "bivouac-demo"),
        ("service", "web"),
        ("stray task", task),
        ("task definition", "bivouac-demo--web:1"),
        ("namespace", "bivouac-demo"),
        ("log group", "/bivouac-demo/web"),
    }


def test_a_service_that_drains_is_left(account: BivouacAccount) -> None:
    """S02: it is in no list, so it is asked for by its name."""
    blueprint = account.healthy(environment())
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    assert ("service", "web") in left(look(account, blueprint, FIRST))


def test_something_left_begins_the_counting_anew(account: BivouacAccount) -> None:
    blueprint = account.healthy(environment())
    answer = look(account, blueprint, {"clean": 1, "rounds": 0})
    assert (answer["status"], answer["clean"], answer["rounds"]) == ("LEFT", 0, 1)


def test_after_a_few_rounds_what_is_left_goes_into_the_receipt(account: BivouacAccount) -> None:
    """D17: nobody deletes for ever."""
    blueprint = account.healthy(environment())
    answer = look(account, blueprint, {"clean": 0, "rounds": ROUNDS - 1})
    assert answer["status"] == "DONE"
    assert {item["outcome"] for item in answer["left"]} == {"FAILED"}


def test_what_is_not_ours_is_no_leftover(account: BivouacAccount) -> None:
    """D18."""
    foreign_neighbours(account)
    account.client("servicediscovery").create_http_namespace(Name="bivouac-demo")
    account.client("ecs").create_cluster(clusterName="bivouac-demo")
    account.pass_time(60)
    answer = look(account, account.planned(environment()), FIRST)
    assert (answer["status"], answer["left"]) == ("CLEAN", [])


def test_revisions_that_ecs_is_deleting_are_no_leftover(account: BivouacAccount) -> None:
    """T12."""
    blueprint = account.healthy(environment())
    client = account.client("ecs")
    client.deregister_task_definition(taskDefinition="bivouac-demo--web:1")
    assert ("task definition", "bivouac-demo--web:1") in left(look(account, blueprint, FIRST))
    client.delete_task_definitions(taskDefinitions=["bivouac-demo--web:1"])
    assert ("task definition", "bivouac-demo--web:1") not in left(look(account, blueprint, FIRST))


def test_every_page_is_read(account: BivouacAccount) -> None:
    """D16: 0 leaks at three pages and more of everything."""
    services = [web(), web(serviceName="shop"), web(serviceName="cart", desiredCount=2)]
    account.healthy(environment(*services))
    with small_pages(account):
        found = left(look(account, account.planned(environment()), FIRST))
    assert len(found) == 1 + 3 + 4 + 3 + 1 + 3


def test_it_only_reads(account: BivouacAccount) -> None:
    blueprint = account.healthy(environment())
    account.forget_calls()
    look(account, blueprint, FIRST)
    assert account.mutating_calls == []


@pytest.mark.parametrize("call", ["DescribeClusters", "Families", "ListNamespaces", "LogGroups"])
def test_what_may_not_be_looked_at_is_never_called_gone(account: BivouacAccount, call: str) -> None:
    """D17: the machine takes the error into the receipt."""
    blueprint = account.planned(environment())
    denied = Injection(account, Fault.DENIED, lambda number, name: call in name)
    with injected(denied), pytest.raises(errors.AccessDeniedError):
        look(account, blueprint, FIRST)


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    event = {"environment": "demo", "generation": 1, "look": FIRST}
    assert account.invoke("look_for_leftovers", event)["status"] == "CLEAN"
