"""Delete cluster: stray tasks first, then the cluster, if it is ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock

from delete_cluster import delete_cluster
from delete_services import delete_services

from bivouac.aws import ecs
from bivouac.blueprint import Blueprint
from bivouac.deletion import PATIENCE_SECONDS
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, small_pages
from tests.functional.machines import outcomes
from tests.requests import environment, web

NAME = ("cluster", "bivouac-demo")


def step(
    account: BivouacAccount,
    blueprint: Blueprint,
    items: list[dict[str, str]] | None = None,
    waited_seconds: float = 0.0,
) -> dict[str, Any]:
    return delete_cluster(account.deletion(blueprint, items, waited_seconds), account.client("ecs"))


def ended(account: BivouacAccount, blueprint: Blueprint) -> dict[str, Any]:
    answer: dict[str, Any] = {"items": []}

    def look() -> dict[str, Any]:
        answer.update(step(account, blueprint, answer["items"]))
        return answer

    return account.until(look, "DONE")


def without_services(account: BivouacAccount, request: Any = None) -> Blueprint:
    """An environment whose services are gone."""
    blueprint = account.healthy(request or environment())
    answer: dict[str, Any] = {"items": []}

    def look() -> dict[str, Any]:
        deletion = account.deletion(blueprint, answer["items"])
        answer.update(delete_services(deletion, account.client("ecs")))
        return answer

    account.until(look, "DONE")
    account.forget_calls()
    return blueprint


def no_services() -> Any:
    """Tasks that no service claims: the cluster lists none."""
    return mock.patch("delete_cluster.ecs.list_services", return_value=[])


def no_tasks() -> Any:
    return mock.patch("delete_cluster.ecs.list_tasks", return_value=[])


def test_the_cluster_is_deleted_once_its_tasks_have_stopped(account: BivouacAccount) -> None:
    """C11, C13: services are INACTIVE while their tasks still stop."""
    blueprint = without_services(account)
    assert outcomes(ended(account, blueprint)) == {NAME: "DELETED"}
    assert ecs.describe_cluster(account.client("ecs"), "bivouac-demo") is None


def test_a_second_delete_changes_nothing(account: BivouacAccount) -> None:
    """C06, C13: INACTIVE is gone."""
    blueprint = without_services(account)
    ended(account, blueprint)
    account.forget_calls()
    assert outcomes(step(account, blueprint)) == {NAME: "ALREADY_GONE"}
    assert account.mutating_calls == []


def test_services_that_drain_keep_it_waiting(account: BivouacAccount) -> None:
    """C10."""
    blueprint = account.healthy(environment())
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    with no_tasks():
        answer = step(account, blueprint)
    assert outcomes(answer) == {NAME: "IN_PROGRESS"}
    assert answer["items"][0]["reason"] == "services are still draining"


def test_services_that_are_not_being_deleted_are_told_at_once(account: BivouacAccount) -> None:
    """C10, D18: their tasks are left alone, and waiting mends nothing."""
    blueprint = account.healthy(environment())
    answer = step(account, blueprint)
    assert (answer["status"], outcomes(answer)) == ("DONE", {NAME: "FAILED"})
    assert "not being deleted: web" in answer["items"][0]["reason"]
    assert account.mutating_calls == []


def test_stray_tasks_are_stopped_first(account: BivouacAccount) -> None:
    """C11, D06, D07: what still runs in our own cluster after its services are gone."""
    blueprint = account.healthy(environment())
    with no_services():
        first = step(account, blueprint)
    assert first["status"] == "IN_PROGRESS"
    assert account.mutating_calls == ["ecs:StopTask", "ecs:DeleteCluster"]
    assert {kind for kind, _ in outcomes(first)} == {"stray task", "cluster"}


def test_a_cluster_that_is_not_ours_is_retained_with_its_tasks(account: BivouacAccount) -> None:
    """D18."""
    blueprint = account.healthy(environment())
    client = account.client("ecs")
    arn = client.describe_clusters(clusters=["bivouac-demo"])["clusters"][0]["clusterArn"]
    client.untag_resource(resourceArn=arn, tagKeys=["bivouac:stack"])
    account.forget_calls()
    answer = step(account, blueprint)
    assert outcomes(answer) == {NAME: "RETAINED"}
    assert account.mutating_calls == []


def test_every_page_of_tasks_is_read(account: BivouacAccount) -> None:
    """D16."""
    blueprint = account.healthy(environment(web(desiredCount=3)))
    with no_services(), small_pages(account):
        step(account, blueprint)
    assert account.mutating_calls.count("ecs:StopTask") == 3


def test_a_task_that_may_not_be_stopped_is_told(account: BivouacAccount) -> None:
    """D17."""
    blueprint = account.healthy(environment())
    denied = Injection(account, Fault.DENIED, lambda n, call: "StopTask" in call)
    with no_services(), injected(denied):
        answer = step(account, blueprint)
    (task,) = [key for key in outcomes(answer) if key[0] == "stray task"]
    assert outcomes(answer)[task] == "FAILED"


def test_a_cluster_that_may_not_be_deleted_is_told(account: BivouacAccount) -> None:
    """D17."""
    blueprint = without_services(account)
    account.pass_time(60)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "DeleteCluster" in call)):
        answer = step(account, blueprint)
    assert (answer["status"], outcomes(answer)[NAME]) == ("DONE", "FAILED")
    assert "AccessDenied" in answer["items"][0]["reason"]


def test_a_cluster_that_never_goes_fails_with_what_it_waits_for(account: BivouacAccount) -> None:
    """C10."""
    blueprint = account.healthy(environment())
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    with no_tasks():
        answer = step(account, blueprint, waited_seconds=PATIENCE_SECONDS + 1)
    assert (answer["status"], outcomes(answer)[NAME]) == ("DONE", "FAILED")
    assert "services are still draining" in answer["items"][0]["reason"]


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    blueprint = without_services(account)
    account.holds(blueprint)
    account.pass_time(60)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {"environment": "demo", "generation": 1, "closedAt": now, "items": []}
    assert account.invoke("delete_cluster", event)["status"] == "DONE"
