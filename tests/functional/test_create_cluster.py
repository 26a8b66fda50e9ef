"""Create cluster: created once, awaited until ready, changed only if it is ours."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from create_cluster import create_cluster

from bivouac import errors
from bivouac.aws import ecs
from bivouac.environment.blueprint import create_cluster_arguments, from_ecs_tags
from tests.functional.account import SETTLED_SECONDS, BivouacAccount
from tests.requests import environment

INSIGHTS = {"settings": [{"name": "containerInsights", "value": "enabled"}]}


def step(account: BivouacAccount, **changes: Any) -> dict[str, Any]:
    return create_cluster(account.planned(environment(**changes)), account.client("ecs"))


def made(account: BivouacAccount, **changes: Any) -> None:
    step(account, **changes)
    account.pass_time(SETTLED_SECONDS)


def described(account: BivouacAccount) -> dict[str, Any]:
    found = ecs.describe_cluster(account.client("ecs"), "bivouac-demo")
    assert found is not None
    return found


def test_the_cluster_is_created_with_our_tags(account: BivouacAccount) -> None:
    step(account)
    cluster = described(account)
    tags = from_ecs_tags(cluster["tags"])
    assert (tags["bivouac:stack"], tags["bivouac:environment"]) == ("bivouac", "demo")


def test_a_second_create_changes_nothing(account: BivouacAccount) -> None:
    """C03: CreateCluster is never sent to a cluster that exists."""
    made(account)
    account.forget_calls()
    assert step(account) == {"status": "READY"}
    assert account.mutating_calls == []


def test_a_changed_request_updates_the_cluster_once(account: BivouacAccount) -> None:
    """C03: adopted and updated, because it is ours."""
    made(account)
    account.forget_calls()
    made(account, cluster=INSIGHTS)
    assert account.mutating_calls == [
        "ecs:UpdateCluster",
        "ecs:PutClusterCapacityProviders",
        "ecs:TagResource",
    ]
    client = account.client("ecs")
    answer = client.describe_clusters(clusters=["bivouac-demo"], include=["SETTINGS"])
    assert answer["clusters"][0]["settings"] == INSIGHTS["settings"]
    account.forget_calls()
    step(account, cluster=INSIGHTS)
    assert account.mutating_calls == []


def test_a_cluster_that_is_not_ours_is_refused_and_left(account: BivouacAccount) -> None:
    """D18."""
    account.client("ecs").create_cluster(clusterName="bivouac-demo")
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match="the cluster bivouac-demo exists"):
        step(account)
    assert account.mutating_calls == []


def test_another_stacks_environment_of_the_same_name_is_not_ours(account: BivouacAccount) -> None:
    """D18: both tags count."""
    tags = [
        {"key": "bivouac:stack", "value": "other"},
        {"key": "bivouac:environment", "value": "demo"},
    ]
    account.client("ecs").create_cluster(clusterName="bivouac-demo", tags=tags)
    with pytest.raises(errors.ForeignResourceError):
        step(account)


def test_a_deleted_cluster_is_created_again(account: BivouacAccount) -> None:
    """C06, C07, C15: INACTIVE counts as missing."""
    made(account)
    account.client("ecs").delete_cluster(cluster="bivouac-demo")
    made(account)
    assert described(account)["status"] == "ACTIVE"


def answering(account: BivouacAccount, **cluster: Any) -> Any:
    arguments = create_cluster_arguments(account.planned(environment()))
    found = {**arguments, "clusterArn": "arn:x", **cluster}
    return mock.patch("create_cluster.ecs.describe_cluster", return_value=found)


@pytest.mark.parametrize(
    "state",
    [
        {"status": "PROVISIONING"},
        {"status": "ACTIVE", "attachmentsStatus": "UPDATE_IN_PROGRESS"},
    ],
)
def test_a_cluster_is_ready_only_when_it_and_its_attachments_are(
    account: BivouacAccount, state: dict[str, str]
) -> None:
    """C02, C09: and nothing is changed before."""
    with answering(account, **state):
        answer = step(account)
    assert answer == {"status": "IN_PROGRESS"}
    assert account.mutating_calls == []


@pytest.mark.parametrize(
    "state", [{"status": "FAILED"}, {"status": "ACTIVE", "attachmentsStatus": "UPDATE_FAILED"}]
)
def test_a_failed_cluster_is_reported(account: BivouacAccount, state: dict[str, str]) -> None:
    """C02."""
    with (
        answering(account, **state),
        pytest.raises(errors.ClusterFailedError, match="bivouac-demo"),
    ):
        step(account)


def test_it_answers_as_a_function_and_a_superseded_create_creates_nothing(
    account: BivouacAccount,
) -> None:
    """W17."""
    account.holds(account.planned(environment()))
    event = {"environment": "demo", "generation": 1}
    assert account.invoke("create_cluster", event)["status"] in ("READY", "IN_PROGRESS")
    account.forget_calls()
    with pytest.raises(errors.SupersededError):
        account.invoke("create_cluster", {**event, "generation": 0})
    assert account.changes == []


def test_a_strangers_cluster_is_refused_as_a_function(
    account: BivouacAccount,
) -> None:
    """D18, C13: CreateCluster answers with a cluster that exists, whoever made it."""
    account.client("ecs").create_cluster(clusterName="bivouac-demo")
    account.pass_time(SETTLED_SECONDS)
    account.holds(account.planned(environment()))
    event = {"environment": "demo", "generation": 1}
    with pytest.raises(errors.ForeignResourceError, match="the cluster bivouac-demo exists"):
        account.invoke("create_cluster", event)
