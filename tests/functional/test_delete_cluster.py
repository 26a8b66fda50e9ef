"""Delete cluster: stray tasks first, then the cluster, if it is ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from delete_cluster import delete_cluster
from delete_services import delete_services

from bivouac.aws import ecs
from bivouac.environment.blueprint import Blueprint
from localcloud.tasks import scripted
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, deletion_event, small_pages
from tests.functional.machines import outcomes
from tests.requests import environment, web

NAME = ("cluster", "bivouac-demo")


def step(
    account: BivouacAccount, blueprint: Blueprint, items: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    return delete_cluster(account.deletion(blueprint, items), account.client("ecs"))


def draining(account: BivouacAccount, request: Any = None) -> Blueprint:
    """An environment whose services are being deleted."""
    blueprint = account.healthy(request or environment())
    delete_services(account.deletion(blueprint), None, account.client("ecs"))
    account.forget_calls()
    return blueprint


def without_services(account: BivouacAccount) -> Blueprint:
    """An environment whose services and tasks are gone."""
    blueprint = draining(account)
    account.pass_time(60)
    return blueprint


@contextmanager
def no_services(account: BivouacAccount) -> Iterator[None]:
    """Tasks without a service: the cluster has no services any more."""
    cluster = account.plane.ecs.clusters.by_name["bivouac-demo"]
    services = dict(cluster.services)
    cluster.services.clear()
    yield
    cluster.services.update(services)


def test_the_cluster_is_deleted_once_its_tasks_have_stopped(account: BivouacAccount) -> None:
    """C13."""
    answer = step(account, without_services(account))
    assert (answer["status"], outcomes(answer)) == ("DONE", {NAME: "DELETED"})
    assert ecs.describe_cluster(account.client("ecs"), "bivouac-demo") is None


def test_the_deletion_is_tried_without_reading_first(account: BivouacAccount) -> None:
    blueprint = without_services(account)
    account.forget_calls()
    step(account, blueprint)
    assert account.calls == ["ecs:DescribeClusters", "ecs:DeleteCluster"]


def test_a_second_delete_changes_nothing(account: BivouacAccount) -> None:
    """C06, C13: INACTIVE is gone."""
    blueprint = without_services(account)
    step(account, blueprint)
    account.forget_calls()
    assert outcomes(step(account, blueprint)) == {NAME: "ALREADY_GONE"}
    assert account.mutating_calls == []


def test_draining_services_keep_it(account: BivouacAccount) -> None:
    """C10: the last check sees whether they still drain."""
    account.runtime.script("nginx", scripted.ignores_sigterm())
    answer = step(account, draining(account))
    assert (answer["status"], outcomes(answer)) == ("IN_PROGRESS", {NAME: "IN_PROGRESS"})
    assert answer["items"][0]["reason"] == "services are still draining"


def test_stopping_tasks_keep_it(account: BivouacAccount) -> None:
    """C11: services are INACTIVE while their tasks still stop."""
    blueprint = draining(account)
    client = account.client("ecs")
    while ecs.describe_services(client, "bivouac-demo", ["web"])["web"]["status"] == "DRAINING":
        account.pass_time(0.01)
    assert step(account, blueprint)["items"][0]["reason"] == "tasks are still stopping"


def test_services_that_are_not_being_deleted_are_reported(account: BivouacAccount) -> None:
    """C10, D18: their tasks are left alone, and waiting does not help."""
    blueprint = account.healthy(environment())
    answer = step(account, blueprint)
    assert (answer["status"], outcomes(answer)) == ("DONE", {NAME: "FAILED"})
    assert "not being deleted: web" in answer["items"][0]["reason"]
    assert "ecs:StopTask" not in account.calls


def test_stray_tasks_are_stopped(account: BivouacAccount) -> None:
    """C11, D06, D07: what still runs in our own cluster after its services are gone."""
    blueprint = account.healthy(environment())
    with no_services(account):
        first = step(account, blueprint)
    assert first["status"] == "IN_PROGRESS"
    assert account.mutating_calls == ["ecs:DeleteCluster", "ecs:StopTask"]
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
    with no_services(account), small_pages(account):
        step(account, blueprint)
    assert account.mutating_calls.count("ecs:StopTask") == 3


def test_a_denied_stop_is_reported(account: BivouacAccount) -> None:
    """D17."""
    blueprint = account.healthy(environment())
    denied = Injection(account, Fault.DENIED, lambda n, call: "StopTask" in call)
    with no_services(account), injected(denied):
        answer = step(account, blueprint)
    (task,) = [key for key in outcomes(answer) if key[0] == "stray task"]
    assert outcomes(answer)[task] == "FAILED"


def test_a_denied_deletion_is_reported(account: BivouacAccount) -> None:
    """D17."""
    blueprint = without_services(account)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "DeleteCluster" in call)):
        answer = step(account, blueprint)
    assert (answer["status"], outcomes(answer)[NAME]) == ("DONE", "FAILED")
    assert "AccessDenied" in answer["items"][0]["reason"]


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    blueprint = without_services(account)
    account.holds(blueprint)
    event = deletion_event()
    assert account.invoke("delete_cluster", event)["status"] == "DONE"
