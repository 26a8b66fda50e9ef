"""Create service: created, updated, or left alone; never twice, never somebody else's."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from create_cluster import create_cluster
from create_service import create_service
from register_task_definition import register_task_definition

from bivouac import errors
from bivouac.aws import ecs
from bivouac.blueprint import from_ecs_tags
from tests.functional.account import BivouacAccount
from tests.requests import environment, web


def prepared(account: BivouacAccount) -> str:
    """Everything before the service; the namespace's ARN."""
    blueprint = account.planned(environment())
    account.cluster(blueprint)
    return account.namespace(blueprint)


def step(
    account: BivouacAccount, namespace: str, generation: int = 1, **changes: Any
) -> dict[str, Any]:
    blueprint = account.planned(environment(web(**changes)))
    client = account.client("ecs")
    definition = register_task_definition(blueprint, "web", client)["taskDefinitionArn"]
    return create_service(blueprint, generation, "web", namespace, definition, client)


def described(account: BivouacAccount) -> dict[str, Any]:
    found = ecs.describe_services(account.client("ecs"), "bivouac-demo", ["web"])
    return found["web"]


def test_the_deployment_to_wait_for_is_named(account: BivouacAccount) -> None:
    """H01, S19: ours, not whichever is there later."""
    answer = step(account, prepared(account))
    service = described(account)
    assert answer["deploymentId"] == service["deployments"][0]["id"]
    assert answer["taskDefinitionArn"] == service["taskDefinition"]
    tags = from_ecs_tags(service["tags"])
    assert (tags["bivouac:stack"], tags["bivouac:environment"]) == ("bivouac", "demo")


def test_a_second_create_changes_nothing(account: BivouacAccount) -> None:
    """S01: also in a later generation."""
    namespace = prepared(account)
    first = step(account, namespace)
    account.forget_calls()
    assert step(account, namespace, generation=2) == first
    assert account.mutating_calls == []


def test_a_changed_request_updates_the_service_once(account: BivouacAccount) -> None:
    """S01, S19: ours and different."""
    namespace = prepared(account)
    first = step(account, namespace)
    account.forget_calls()
    changed: Any = {"primaryContainer": {"image": "nginx:2", "containerPort": 80}}
    second = step(account, namespace, **changed)
    assert second["deploymentId"] != first["deploymentId"]
    assert [call for call in account.mutating_calls if "Task" not in call] == [
        "ecs:UpdateService",
        "ecs:TagResource",
    ]
    account.forget_calls()
    assert step(account, namespace, **changed) == second
    assert account.mutating_calls == []


def test_a_service_that_is_not_ours_is_refused_and_left(account: BivouacAccount) -> None:
    """D18, S01."""
    namespace = prepared(account)
    step(account, namespace)
    arn = described(account)["serviceArn"]
    account.client("ecs").untag_resource(resourceArn=arn, tagKeys=["bivouac:stack"])
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match="the service web exists"):
        step(account, namespace, desiredCount=2)
    assert account.mutating_calls == []


def test_a_service_that_still_drains_is_waited_for(account: BivouacAccount) -> None:
    """S02: ListServices hides it, DescribeServices shows it."""
    namespace = prepared(account)
    step(account, namespace)
    account.pass_time(5)
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    with pytest.raises(errors.ServiceDrainingError, match="still drains"):
        step(account, namespace)
    account.pass_time(30)
    assert step(account, namespace, generation=2)["serviceName"] == "web"


def test_a_cluster_that_is_not_visible_yet_is_tried_again(account: BivouacAccount) -> None:
    """C08."""
    blueprint = account.planned(environment())
    namespace = account.namespace(blueprint)
    create_cluster(blueprint, account.client("ecs"))
    with pytest.raises(errors.NotYetConsistentError, match="ClusterNotFoundException"):
        step(account, namespace)
    account.pass_time(5)
    assert step(account, namespace)["serviceName"] == "web"


def test_a_service_that_was_not_visible_and_exists_is_looked_at_again(
    account: BivouacAccount,
) -> None:
    """S01, S18: "not idempotent" is a success in disguise, or somebody else's service."""
    namespace = prepared(account)
    step(account, namespace)
    unseen = mock.patch("create_service.ecs.describe_services", return_value={})
    with unseen, pytest.raises(errors.NotYetConsistentError, match="not idempotent"):
        step(account, namespace, generation=2)
    assert step(account, namespace, generation=2)["serviceName"] == "web"


def test_a_service_without_visible_deployment_is_not_answered(account: BivouacAccount) -> None:
    namespace = prepared(account)
    step(account, namespace)
    bare = {**described(account), "deployments": []}
    unseen = mock.patch("create_service.ecs.describe_services", return_value={"web": bare})
    with unseen, pytest.raises(errors.NotYetConsistentError, match="no deployment is visible"):
        step(account, namespace)


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    namespace = prepared(account)
    blueprint = account.planned(environment())
    account.holds(blueprint)
    registered = register_task_definition(blueprint, "web", account.client("ecs"))
    event = {
        "environment": "demo",
        "generation": 1,
        "serviceName": "web",
        "namespaceArn": namespace,
        **registered,
    }
    assert account.invoke("create_service", event)["deploymentId"]
    account.forget_calls()
    with pytest.raises(errors.SupersededError):
        account.invoke("create_service", {**event, "generation": 0})
    assert account.changes == []
