"""Create log groups: before any task, with retention and our tags."""

from __future__ import annotations

from unittest import mock

import pytest
from create_log_groups import create_log_groups

from bivouac import errors
from bivouac.aws import log_groups
from tests.functional.account import RETENTION_DAYS, BivouacAccount
from tests.requests import environment, web

TWO = environment(web(), web(serviceName="shop"))
PREFIX = "/bivouac-demo/"
PROOF = "/bivouac-demo/bivouac-proof"


def step(account: BivouacAccount) -> list[str]:
    answer = create_log_groups(account.planned(TWO), RETENTION_DAYS, account.client("logs"))
    created: list[str] = answer["created"]
    return created


def test_each_service_has_a_group_with_retention(account: BivouacAccount) -> None:
    """H09: a task whose log group is missing does not start."""
    assert step(account) == ["/bivouac-demo/web", "/bivouac-demo/shop", PROOF]
    groups = log_groups.find(account.client("logs"), PREFIX)
    assert {group.retention_days for group in groups.values()} == {RETENTION_DAYS}
    tags = log_groups.tags_of(account.client("logs"), groups["/bivouac-demo/web"].arn)
    assert tags == {"bivouac:stack": "bivouac", "bivouac:environment": "demo"}


def test_a_second_create_changes_nothing(account: BivouacAccount) -> None:
    step(account)
    account.forget_calls()
    assert step(account) == []
    assert account.mutating_calls == []


def test_a_step_killed_between_group_and_retention_is_completed(account: BivouacAccount) -> None:
    client = account.client("logs")
    tags = account.planned(TWO).ownership_tags
    client.create_log_group(logGroupName="/bivouac-demo/web", tags=tags)
    account.forget_calls()
    assert step(account) == ["/bivouac-demo/shop", PROOF]
    assert account.mutating_calls == [
        "logs:PutRetentionPolicy",
        *["logs:CreateLogGroup", "logs:PutRetentionPolicy"] * 2,
    ]


def test_a_group_that_is_not_ours_is_refused_and_left(account: BivouacAccount) -> None:
    """D18."""
    account.client("logs").create_log_group(logGroupName="/bivouac-demo/web")
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match="the log group /bivouac-demo/web"):
        step(account)
    assert account.mutating_calls == []


def test_a_group_that_appears_meanwhile_is_read_again(account: BivouacAccount) -> None:
    """S21: it may be our own, whose answer was lost."""
    step(account)
    with (
        mock.patch("create_log_groups.log_groups.find", return_value={}),
        pytest.raises(errors.NotYetConsistentError, match="/bivouac-demo/web"),
    ):
        step(account)


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.planned(TWO))
    event = {"environment": "demo", "generation": 1, "retentionDays": "14"}
    answer = account.invoke("create_log_groups", event)
    assert answer["created"] == ["/bivouac-demo/web", "/bivouac-demo/shop", PROOF]
