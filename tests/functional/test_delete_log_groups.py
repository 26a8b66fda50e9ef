"""Delete log groups: those of the environment, nobody else's."""

from __future__ import annotations

from typing import Any

from create_log_groups import create_log_groups
from delete_log_groups import delete_log_groups

from bivouac.aws import log_groups
from bivouac.environment.blueprint import Blueprint
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import RETENTION_DAYS, BivouacAccount, deletion_event, small_pages
from tests.functional.machines import outcomes
from tests.requests import environment, web

TWO = environment(web(), web(serviceName="shop"))
WEB, SHOP = ("log group", "/bivouac-demo/web"), ("log group", "/bivouac-demo/shop")
PROOF = ("log group", "/bivouac-demo/bivouac-proof")
ALL = (PROOF, SHOP, WEB)


def step(
    account: BivouacAccount, blueprint: Blueprint, items: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    return delete_log_groups(account.deletion(blueprint, items), account.client("logs"))


def made(account: BivouacAccount) -> Blueprint:
    blueprint = account.planned(TWO)
    create_log_groups(blueprint, RETENTION_DAYS, account.client("logs"))
    account.forget_calls()
    return blueprint


def groups(account: BivouacAccount) -> list[str]:
    return sorted(log_groups.find(account.client("logs"), "/"))


def test_the_environments_groups_are_deleted(account: BivouacAccount) -> None:
    answer = step(account, made(account))
    assert answer["status"] == "DONE"
    assert outcomes(answer) == dict.fromkeys(ALL, "DELETED")
    assert groups(account) == []


def test_a_second_delete_changes_nothing(account: BivouacAccount) -> None:
    """D15."""
    blueprint = made(account)
    first = step(account, blueprint)
    account.forget_calls()
    assert outcomes(step(account, blueprint)) == dict.fromkeys(ALL, "ALREADY_GONE")
    assert outcomes(step(account, blueprint, first["items"])) == dict.fromkeys(ALL, "DELETED")
    assert account.mutating_calls == []


def test_a_group_that_came_back_is_deleted_again(account: BivouacAccount) -> None:
    """D15: a late log call can create it again; then it has no tags, and is not ours any more."""
    blueprint = made(account)
    step(account, blueprint)
    account.client("logs").create_log_group(
        logGroupName="/bivouac-demo/web", tags=blueprint.ownership_tags
    )
    assert outcomes(step(account, blueprint))[WEB] == "DELETED"


def test_a_group_that_is_not_ours_is_retained(account: BivouacAccount) -> None:
    """D18: under our prefix or beside it."""
    blueprint = made(account)
    for name in ("/bivouac-demo/theirs", "/bivouac-demo-2/web", "/bivouac-dem"):
        account.client("logs").create_log_group(logGroupName=name)
    answer = step(account, blueprint)
    assert outcomes(answer) == {
        **dict.fromkeys(ALL, "DELETED"),
        ("log group", "/bivouac-demo/theirs"): "RETAINED",
    }
    assert groups(account) == ["/bivouac-dem", "/bivouac-demo-2/web", "/bivouac-demo/theirs"]


def test_a_group_of_an_earlier_request_is_found_by_listing(account: BivouacAccount) -> None:
    """D16: over all pages."""
    made(account)
    with small_pages(account):
        answer = step(account, account.planned(environment()))
    assert outcomes(answer) == dict.fromkeys(ALL, "DELETED")


def test_a_denied_deletion_does_not_stop_the_others(account: BivouacAccount) -> None:
    """D17."""
    blueprint = made(account)

    def first(number: int, call: str) -> bool:
        return call == "logs:DeleteLogGroup" and account.calls.count(call) == 1

    with injected(Injection(account, Fault.DENIED, first)):
        answer = step(account, blueprint)
    assert outcomes(answer) == {PROOF: "FAILED", SHOP: "DELETED", WEB: "DELETED"}
    assert outcomes(step(account, blueprint, answer["items"])) == dict.fromkeys(ALL, "DELETED")


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(made(account))
    event = deletion_event()
    assert account.invoke("delete_log_groups", event)["status"] == "DONE"
