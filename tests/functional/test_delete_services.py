"""Delete services: all of them, each decided by itself; nothing foreign is touched."""

from __future__ import annotations

from typing import Any

import pytest
from delete_services import TASKS_STOP_WITHIN_SECONDS, delete_services

from bivouac.aws import cloudmap
from bivouac.environment.blueprint import Blueprint
from localcloud.tasks import scripted
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, deletion_event, small_pages
from tests.functional.machines import outcomes
from tests.requests import environment, web

THREE = environment(web(), web(serviceName="shop"), web(serviceName="cart"))


def step(
    account: BivouacAccount,
    blueprint: Blueprint,
    items: list[dict[str, str]] | None = None,
    waited_seconds: float = 0.0,
) -> dict[str, Any]:
    deletion = account.deletion(blueprint, items, waited_seconds)
    return delete_services(deletion, None, account.client("ecs"))


def test_all_services_are_deleted_at_once_clients_first(account: BivouacAccount) -> None:
    """D01, D14: servers come before their clients in a request, so they go after them."""
    blueprint = account.healthy(THREE)
    answer = step(account, blueprint)
    assert answer["status"] == "IN_PROGRESS"
    deleted = [
        request["body"]
        for call, request in zip(account.calls, account.requests, strict=True)
        if call == "ecs:DeleteService"
    ]
    assert [name for body in deleted for name in ("cart", "shop", "web") if name in str(body)] == [
        "cart",
        "shop",
        "web",
    ]
    assert answer["names"] == ["cart", "shop", "web"]
    assert all('"force": true' in str(body) for body in deleted)


def test_a_second_delete_changes_nothing(account: BivouacAccount) -> None:
    """D04."""
    blueprint = account.healthy(environment())
    step(account, blueprint)
    account.pass_time(60)
    account.forget_calls()
    answer = step(account, blueprint)
    assert (answer["status"], outcomes(answer)) == ("DONE", {("service", "web"): "ALREADY_GONE"})
    assert account.mutating_calls == []


def test_a_draining_service_is_awaited_and_not_deleted_again(account: BivouacAccount) -> None:
    """S02, D05: ListServices hides it."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    blueprint = account.healthy(environment())
    first = step(account, blueprint)
    account.forget_calls()
    again = step(account, blueprint, first["items"])
    assert (again["status"], account.mutating_calls) == ("IN_PROGRESS", [])


def test_the_answer_names_the_namespaces_of_their_endpoints(account: BivouacAccount) -> None:
    """N11: ECS removes their endpoints later, and shows their namespace only while they exist."""
    blueprint = account.healthy(environment())
    namespace = cloudmap.find_namespace(account.client("servicediscovery"), "bivouac-demo")
    assert namespace is not None
    first = step(account, blueprint)
    assert (first["names"], first["namespaceId"]) == (["web"], namespace.id)
    account.pass_time(60)
    deletion = account.deletion(blueprint, first["items"])
    again = delete_services(deletion, first["namespaceId"], account.client("ecs"))
    assert (again["names"], again["namespaceId"]) == ([], namespace.id)


def test_it_reads_twice_and_deletes_once_for_one_service(account: BivouacAccount) -> None:
    blueprint = account.healthy(environment())
    step(account, blueprint)
    assert account.calls == ["ecs:ListServices", "ecs:DescribeServices", "ecs:DeleteService"]


def test_a_service_that_is_not_ours_is_retained_with_the_reason(account: BivouacAccount) -> None:
    """D18."""
    blueprint = account.healthy(environment())
    client = account.client("ecs")
    arn = client.describe_services(cluster="bivouac-demo", services=["web"])["services"][0]
    client.untag_resource(resourceArn=arn["serviceArn"], tagKeys=["bivouac:environment"])
    account.forget_calls()
    answer = step(account, blueprint)
    assert answer["status"] == "DONE"
    assert outcomes(answer) == {("service", "web"): "RETAINED"}
    assert "not ours" in answer["items"][0]["reason"]
    assert account.mutating_calls == []


def test_a_service_missing_from_the_record_is_found_by_listing(
    account: BivouacAccount,
) -> None:
    """D16: an earlier request created it, and it has our tags."""
    account.healthy(THREE)
    answer = step(account, account.planned(environment()))
    assert sorted(answer["names"]) == ["cart", "shop", "web"]


def test_a_draining_service_that_no_list_shows_is_awaited(account: BivouacAccount) -> None:
    """S02: it drains, and only an earlier round knows its name."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    account.healthy(THREE)
    blueprint = account.planned(environment())
    first = step(account, blueprint)
    again = step(account, blueprint, first["items"])
    assert sorted(again["names"]) == ["cart", "shop", "web"]


def test_every_page_is_read(account: BivouacAccount) -> None:
    """D16."""
    account.healthy(THREE)
    with small_pages(account):
        step(account, account.planned(environment()))
    assert account.mutating_calls == ["ecs:DeleteService"] * 3


@pytest.mark.parametrize("deleted", [False, True], ids=["never made", "INACTIVE"])
def test_without_a_cluster_there_are_no_services(account: BivouacAccount, deleted: bool) -> None:
    """C05, C07, D04."""
    if deleted:
        account.client("ecs").create_cluster(clusterName="bivouac-demo")
        account.client("ecs").delete_cluster(cluster="bivouac-demo")
        account.forget_calls()
    answer = step(account, account.planned(environment()))
    assert outcomes(answer) == {("service", "web"): "ALREADY_GONE"}
    assert account.mutating_calls == []


def test_a_denied_deletion_does_not_stop_the_others(account: BivouacAccount) -> None:
    """D17."""
    blueprint = account.healthy(THREE)

    def second(number: int, call: str) -> bool:
        return call == "ecs:DeleteService" and account.calls.count(call) == 2

    with injected(Injection(account, Fault.DENIED, second)):
        answer = step(account, blueprint)
    assert outcomes(answer) == {
        ("service", "cart"): "IN_PROGRESS",
        ("service", "shop"): "FAILED",
        ("service", "web"): "IN_PROGRESS",
    }


def test_a_denied_list_never_makes_a_service_look_deleted(account: BivouacAccount) -> None:
    """D17: what could not be read is reported as failed."""
    blueprint = account.healthy(environment())
    first = step(account, blueprint)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "DescribeServices" in call)):
        answer = step(account, blueprint, first["items"])
    assert answer["status"] == "DONE"
    assert outcomes(answer)["service", "web"] == "FAILED"
    account.pass_time(60)
    assert outcomes(step(account, blueprint, answer["items"]))["service", "web"] == "ALREADY_GONE"


def test_tasks_that_do_not_stop_in_time_are_stopped(account: BivouacAccount) -> None:
    """D06, D07: after their service was deleted, and only after ECS had time to do it."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    blueprint = account.healthy(environment(web(desiredCount=2)))
    first = step(account, blueprint)
    account.forget_calls()
    step(account, blueprint, first["items"], TASKS_STOP_WITHIN_SECONDS - 1)
    assert account.mutating_calls == []
    later = step(account, blueprint, first["items"], TASKS_STOP_WITHIN_SECONDS + 1)
    assert account.mutating_calls == ["ecs:StopTask"] * 2
    assert outcomes(later) == {("service", "web"): "IN_PROGRESS"}


def test_a_denied_stop_is_reported(account: BivouacAccount) -> None:
    """D06, D17."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    blueprint = account.healthy(environment())
    first = step(account, blueprint)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "StopTask" in call)):
        later = step(account, blueprint, first["items"], TASKS_STOP_WITHIN_SECONDS + 1)
    assert sorted(outcomes(later).values()) == ["FAILED", "IN_PROGRESS"]


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.healthy(environment()))
    event = deletion_event(namespaceId=None)
    assert account.invoke("delete_services", event)["status"] == "IN_PROGRESS"
