"""Create namespace: made once, followed to its end, adopted only where it is ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from create_namespace import create_namespace

from bivouac import errors, lease
from bivouac.aws import cloudmap
from tests.functional.account import BivouacAccount, small_pages
from tests.requests import environment


def step(
    account: BivouacAccount, operation: str | None = None, generation: int = 1
) -> dict[str, Any]:
    blueprint = account.planned(environment())
    return create_namespace(blueprint, generation, operation, account.client("servicediscovery"))


def namespaces(account: BivouacAccount) -> list[cloudmap.Namespace]:
    return cloudmap.list_namespaces(account.client("servicediscovery"))


def test_the_operation_is_followed_until_the_namespace_is_there(account: BivouacAccount) -> None:
    """N04: 200 means only that work has begun."""
    first = step(account)
    assert (first["status"], namespaces(account)) == ("IN_PROGRESS", [])
    assert step(account, first["operationId"])["status"] == "IN_PROGRESS"
    account.pass_time(first["waitSeconds"])
    ready = step(account, first["operationId"])
    (made,) = namespaces(account)
    assert ready == {"status": "READY", "id": made.id, "arn": made.arn, "operationId": None}
    tags = cloudmap.tags_of(account.client("servicediscovery"), made.arn)
    assert tags == {"bivouac:stack": "bivouac", "bivouac:environment": "demo"}


def test_a_second_create_changes_nothing(account: BivouacAccount) -> None:
    account.namespace(account.planned(environment()))
    account.forget_calls()
    assert step(account, generation=2)["status"] == "READY"
    assert account.mutating_calls == []


def test_sent_again_while_it_is_in_flight_it_is_the_same_operation(
    account: BivouacAccount,
) -> None:
    """N02: the answer was lost, and the step runs again."""
    first = step(account)
    assert step(account)["operationId"] == first["operationId"]
    account.pass_time(60)
    assert len(namespaces(account)) == 1


def test_a_lost_operation_is_looked_for_by_name(account: BivouacAccount) -> None:
    """N05."""
    account.namespace(account.planned(environment()))
    answer = step(account, "op-nobody-knows-any-more")
    assert (answer["status"], answer["operationId"]) == ("IN_PROGRESS", None)
    assert step(account, answer["operationId"])["status"] == "READY"


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ([], "does not carry the tags"),
        ([{"Key": "bivouac:stack", "Value": "bivouac"}], "Give the environment another name"),
    ],
)
def test_a_namespace_that_is_not_ours_is_refused_and_left(
    account: BivouacAccount, tags: list[dict[str, str]], told: str
) -> None:
    """N01, D18."""
    client = account.client("servicediscovery")
    client.create_http_namespace(Name="bivouac-demo", Tags=tags)
    account.pass_time(60)
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match=told):
        step(account)
    assert account.mutating_calls == []


def test_a_namespace_that_is_there_and_not_listed_yet_is_looked_for_again(
    account: BivouacAccount,
) -> None:
    """N01: another's creation in flight is not listed, and the name is taken."""
    account.client("servicediscovery").create_http_namespace(Name="bivouac-demo")
    account.pass_time(60)
    nothing = mock.patch("create_namespace.cloudmap.find_namespace", return_value=None)
    with nothing, pytest.raises(errors.NotYetConsistentError, match="does not list it yet"):
        step(account)


def failed(code: str) -> Any:
    operation = {"Status": "FAIL", "ErrorCode": code, "ErrorMessage": "because"}
    return mock.patch("create_namespace.cloudmap.get_operation", return_value=operation)


@pytest.mark.parametrize("code", ["THROTTLED_REQUEST", "INTERNAL_FAILURE"])
def test_an_operation_that_failed_for_a_passing_reason_is_begun_again(
    account: BivouacAccount, code: str
) -> None:
    """N04."""
    with failed(code):
        answer = step(account, "op-1")
    assert (answer["status"], answer["operationId"]) == ("IN_PROGRESS", None)


def test_an_operation_that_failed_for_good_is_told_with_its_reason(
    account: BivouacAccount,
) -> None:
    """N04."""
    with failed("ACCESS_DENIED"), pytest.raises(errors.NamespaceFailedError) as caught:
        step(account, "op-1")
    assert str(caught.value) == "namespace bivouac-demo: ACCESS_DENIED: because"


def test_it_is_found_on_the_last_of_many_pages(account: BivouacAccount) -> None:
    """N08, D16: Cloud Map pages first and filters afterwards, so pages can be empty."""
    client = account.client("servicediscovery")
    for number in range(4):
        client.create_http_namespace(Name=f"theirs-{number}")
    account.namespace(account.planned(environment()))
    account.forget_calls()
    with small_pages(account):
        assert step(account)["status"] == "READY"
    assert account.calls.count("servicediscovery:ListNamespaces") >= 3


def test_a_superseded_create_makes_nothing(account: BivouacAccount) -> None:
    """W17: each step asks first whether its generation is still the current one."""
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    event = {"environment": "demo", "generation": 1, "operationId": None}
    with pytest.raises(errors.SupersededError, match="generation 1 is over, 2 holds it"):
        account.invoke("create_namespace", event)
    assert account.changes == []


def opened(seconds_ago: float) -> dict[str, Any]:
    """The state's input in an environment that was opened so long ago."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {
        "environment": "demo",
        "generation": 1,
        "operationId": None,
        "openedAt": lease.timestamp(moment),
    }


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    assert account.invoke("create_namespace", opened(0))["status"] == "IN_PROGRESS"


def test_it_looks_ever_more_rarely_and_gives_up_in_the_end(account: BivouacAccount) -> None:
    """W07: an operation that never ends must not fill the history."""
    account.holds(account.planned(environment(timeouts={"ready": "10m"})))
    early = account.invoke("create_namespace", opened(1))["waitSeconds"]
    late = account.invoke("create_namespace", opened(590))["waitSeconds"]
    assert early == 1 < late
    with pytest.raises(errors.NamespaceFailedError, match="not there within"):
        account.invoke("create_namespace", opened(601))
