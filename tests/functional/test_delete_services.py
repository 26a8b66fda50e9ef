"""Delete services: all of them, each judged by itself; nothing foreign touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import WaiterError
from botocore.stub import Stubber
from delete_services import delete_services

from bivouac.aws import ecs
from bivouac.blueprint import Blueprint
from bivouac.deletion import PATIENCE_SECONDS
from localcloud.tasks import scripted
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, small_pages
from tests.functional.machines import outcomes
from tests.requests import environment, web

THREE = environment(web(), web(serviceName="shop"), web(serviceName="cart"))


def step(
    account: BivouacAccount,
    blueprint: Blueprint,
    items: list[dict[str, str]] | None = None,
    waited_seconds: float = 0.0,
) -> dict[str, Any]:
    return delete_services(
        account.deletion(blueprint, items, waited_seconds), account.client("ecs")
    )


def ended(account: BivouacAccount, blueprint: Blueprint) -> dict[str, Any]:
    answer: dict[str, Any] = {"items": []}

    def look() -> dict[str, Any]:
        answer.update(step(account, blueprint, answer["items"]))
        return answer

    return account.until(look, "DONE")


def test_all_deletions_are_issued_at_once_clients_first(account: BivouacAccount) -> None:
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
    assert all('"force": true' in str(body) for body in deleted)


def test_each_is_deleted_when_it_is_inactive_or_gone(account: BivouacAccount) -> None:
    """D05."""
    answer = ended(account, account.healthy(THREE))
    assert outcomes(answer) == {
        ("service", "cart"): "DELETED",
        ("service", "shop"): "DELETED",
        ("service", "web"): "DELETED",
    }


def test_a_second_delete_changes_nothing(account: BivouacAccount) -> None:
    """D04."""
    blueprint = account.healthy(environment())
    ended(account, blueprint)
    account.forget_calls()
    answer = step(account, blueprint)
    assert (answer["status"], outcomes(answer)) == ("DONE", {("service", "web"): "ALREADY_GONE"})
    assert account.mutating_calls == []


def test_what_drains_is_waited_for_and_not_deleted_again(account: BivouacAccount) -> None:
    """S02, D05: ListServices hides it."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    blueprint = account.healthy(environment())
    first = step(account, blueprint)
    account.forget_calls()
    again = step(account, blueprint, first["items"])
    assert (again["status"], account.mutating_calls) == ("IN_PROGRESS", [])


@pytest.mark.parametrize("purged", [False, True], ids=["INACTIVE", "MISSING"])
def test_we_are_right_where_the_official_inactive_waiter_lies(
    account: BivouacAccount, purged: bool
) -> None:
    """D05: one INACTIVE beside one DRAINING is not deleted; two that are purged are."""
    blueprint = account.healthy(environment(web(), web(serviceName="shop")))
    first = step(account, blueprint)
    account.pass_time(3600 if purged else 30)
    answer = step(account, blueprint, first["items"])
    assert set(outcomes(answer).values()) == {"DELETED"}
    said = [
        {"serviceName": "web", "status": "INACTIVE"},
        {"serviceName": "shop", "status": "DRAINING"},
    ]
    missing = [{"arn": "web", "reason": "MISSING"}, {"arn": "shop", "reason": "MISSING"}]
    lie = {"services": [], "failures": missing} if purged else {"services": said}
    client: Any = boto3.client("ecs")
    with Stubber(client) as stubber:
        stubber.add_response("describe_services", lie)
        waiter = client.get_waiter("services_inactive")
        try:
            waiter.wait(services=["web", "shop"], WaiterConfig={"MaxAttempts": 1})
            verdict = "SUCCESS"
        except WaiterError:
            verdict = "FAILURE"
    assert verdict == ("FAILURE" if purged else "SUCCESS")


def test_one_that_drains_keeps_the_step_from_being_done(account: BivouacAccount) -> None:
    """D05: judged for each service, not for the list."""
    blueprint = account.healthy(environment(web(), web(serviceName="shop")))
    first = step(account, blueprint)
    seen = ecs.describe_services(account.client("ecs"), "bivouac-demo", ["web", "shop"])
    seen["web"]["status"], seen["shop"]["status"] = "INACTIVE", "DRAINING"
    with mock.patch("delete_services.ecs.describe_services", return_value=seen):
        answer = step(account, blueprint, first["items"])
    assert answer["status"] == "IN_PROGRESS"
    assert outcomes(answer) == {("service", "shop"): "IN_PROGRESS", ("service", "web"): "DELETED"}


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


def test_a_service_that_the_record_does_not_know_is_found_by_listing(
    account: BivouacAccount,
) -> None:
    """D16: an earlier request made it, and it carries our tags."""
    account.healthy(THREE)
    answer = ended(account, account.planned(environment()))
    assert len(outcomes(answer)) == 3
    assert set(outcomes(answer).values()) == {"DELETED"}


def test_every_page_is_read(account: BivouacAccount) -> None:
    """D16."""
    account.healthy(THREE)
    with small_pages(account):
        step(account, account.planned(environment()))
    assert account.mutating_calls == ["ecs:DeleteService"] * 3


@pytest.mark.parametrize("foreign", [False, True])
def test_without_a_cluster_of_ours_there_are_no_services_of_ours(
    account: BivouacAccount, foreign: bool
) -> None:
    """D04, D18."""
    if foreign:
        account.client("ecs").create_cluster(clusterName="bivouac-demo")
        account.forget_calls()
    answer = step(account, account.planned(environment()))
    assert outcomes(answer) == {("service", "web"): "ALREADY_GONE"}
    assert account.mutating_calls == []


def test_one_that_may_not_be_deleted_does_not_stop_the_others(account: BivouacAccount) -> None:
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
    """D17: what could not be looked at is told as failed."""
    blueprint = account.healthy(environment())
    first = step(account, blueprint)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "DescribeServices" in call)):
        answer = step(account, blueprint, first["items"])
    assert answer["status"] == "DONE"
    assert outcomes(answer)["service", "web"] == "FAILED"
    later = ended(account, blueprint)
    assert outcomes(later)["service", "web"] in ("DELETED", "ALREADY_GONE")


def test_a_service_that_never_goes_fails_with_what_it_waits_for(account: BivouacAccount) -> None:
    """D06."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    blueprint = account.healthy(environment())
    first = step(account, blueprint)
    answer = step(account, blueprint, first["items"], PATIENCE_SECONDS + 1)
    assert answer["status"] == "DONE"
    assert outcomes(answer) == {("service", "web"): "FAILED"}
    assert "still there after 20 minutes" in answer["items"][0]["reason"]


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.healthy(environment()))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {"environment": "demo", "generation": 1, "closedAt": now, "items": []}
    assert account.invoke("delete_services", event)["status"] == "IN_PROGRESS"
