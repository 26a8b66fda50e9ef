"""Create namespace: created once, awaited until it exists, adopted only if it is ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from create_namespace import create_namespace

from bivouac import errors
from bivouac.aws import cloudmap
from localcloud.cloudmap.errors import CloudMapError
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, small_pages
from tests.requests import environment


def step(account: BivouacAccount, generation: int = 1) -> dict[str, Any]:
    blueprint = account.planned(environment())
    return create_namespace(blueprint, generation, account.client("servicediscovery"))


def namespaces(account: BivouacAccount) -> list[cloudmap.Namespace]:
    return cloudmap.list_namespaces(account.client("servicediscovery"))


def test_the_creation_returns_an_operation_to_follow(account: BivouacAccount) -> None:
    """N04: 200 means only that the operation has begun."""
    begun = step(account)
    assert (begun["arn"], namespaces(account)) == (None, [])
    client = account.client("servicediscovery")
    operation = cloudmap.get_operation(client, begun["operationId"])
    assert operation is not None
    assert operation["Status"] != "SUCCESS"
    account.pass_time(SETTLED_SECONDS)
    (made,) = namespaces(account)
    tags = cloudmap.tags_of(client, made.arn)
    assert tags == {"bivouac:stack": "bivouac", "bivouac:environment": "demo"}


def test_a_second_create_changes_nothing(account: BivouacAccount) -> None:
    """N01, N05: whatever became of the operation, an existing namespace of ours is used."""
    arn = account.namespace(account.planned(environment()))
    account.forget_calls()
    assert step(account, generation=2) == {"arn": arn, "operationId": None, "adopted": False}
    assert account.mutating_calls == []


def test_a_repetition_in_flight_returns_the_same_operation(
    account: BivouacAccount,
) -> None:
    """N02: the answer was lost, and the step runs again."""
    first = step(account)
    assert step(account)["operationId"] == first["operationId"]
    account.pass_time(60)
    assert len(namespaces(account)) == 1


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ([], "does not have the tags"),
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


class TestDuplicateRequest:
    """N02, N03: AWS says that a creation is in progress, or has completed (seen in September 2026),
    ours or anybody's; the API's model does not promise that it names the operation."""

    @contextmanager
    def answered(
        self, account: BivouacAccount, said: str, **members: str
    ) -> Iterator[BivouacAccount]:
        duplicate = CloudMapError("DuplicateRequest", said, **members)
        refuse = mock.patch.object(account.plane.cloudmap, "_refuse_taken_name")
        with refuse as refused:
            refused.side_effect = duplicate
            yield account

    @pytest.mark.parametrize("members", [{}, {"DuplicateOperationId": "op-1"}])
    @pytest.mark.parametrize(
        "said",
        [
            "The operation is already in progress.",
            "Another operation of type CreateHttpNamespace and id op-1 has completed",
        ],
    )
    def test_it_is_adopted_until_its_owner_is_known(
        self, account: BivouacAccount, said: str, members: dict[str, str]
    ) -> None:
        with self.answered(account, said, **members):
            assert step(account) == {
                "arn": None,
                "operationId": members.get("DuplicateOperationId"),
                "adopted": True,
            }

    def test_an_operation_that_this_step_started_is_its_own(self, account: BivouacAccount) -> None:
        assert step(account)["adopted"] is False


def test_a_namespace_that_exists_but_is_not_listed_yet_is_searched_again(
    account: BivouacAccount,
) -> None:
    """N01: a stranger's creation in flight is not listed, and the name is taken."""
    account.client("servicediscovery").create_http_namespace(Name="bivouac-demo")
    account.pass_time(60)
    nothing = mock.patch("create_namespace.cloudmap.find_namespace", return_value=None)
    with nothing, pytest.raises(errors.NotYetConsistentError, match="does not list it yet"):
        step(account)


def test_it_is_found_on_the_last_of_many_pages(account: BivouacAccount) -> None:
    """N08, D16: Cloud Map pages first and filters afterwards, so pages can be empty."""
    client = account.client("servicediscovery")
    for number in range(4):
        client.create_http_namespace(Name=f"theirs-{number}")
    account.namespace(account.planned(environment()))
    account.forget_calls()
    with small_pages(account):
        assert step(account)["arn"]
    assert account.calls.count("servicediscovery:ListNamespaces") >= 3


def test_a_superseded_create_creates_nothing(account: BivouacAccount) -> None:
    """W17: each step asks first whether its generation is still the current one."""
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    event = {"environment": "demo", "generation": 1}
    with pytest.raises(errors.SupersededError, match="generation 1 is over, 2 holds it"):
        account.invoke("create_namespace", event)
    assert account.changes == []


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    event = {"environment": "demo", "generation": 1}
    assert account.invoke("create_namespace", event)["operationId"]
