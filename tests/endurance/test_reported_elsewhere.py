"""Failures that others have reported from tools with the same purpose, played here.

Each report is named. Those with a suite of their own (a create that is stopped during its wait,
lost events, time-outs without a cause) are tested there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any
from unittest import mock

import pytest

from bivouac import errors
from bivouac.environment.record import Status
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    SETTLED_SECONDS,
    SLEEP_MACHINE,
    TABLE,
    BivouacAccount,
)
from tests.functional.inventory import inventory
from tests.functional.machines import Machines
from tests.functional.test_accept_request import event, started
from tests.requests import environment

PULL_REQUESTS = {
    "parent": {"repository": "acme/shop", "number": 1},
    "child": {"repository": "acme/shop", "number": 2},
    "grandchild": {"repository": "acme/shop", "number": 12},
    "elsewhere": {"repository": "acme/shop-2", "number": 1},
}


def of_pull_request(name: str) -> dict[str, Any]:
    return environment(name=name, triggers={"pullRequest": PULL_REQUESTS[name]})


def of(name: str, found: dict[str, list[str]]) -> list[str]:
    return [line for lines in found.values() for line in lines if name in line]


def status(account: BivouacAccount, name: str) -> Status:
    return account.record(name).status


@pytest.fixture
def account(account: BivouacAccount) -> BivouacAccount:
    """With its machines, and an unrelated execution of each."""
    for machine in (CREATE_MACHINE, DELETE_MACHINE, SLEEP_MACHINE):
        account.start_execution("of-another", machine)
    return account


@pytest.mark.parametrize("order", [*permutations(["parent", "child", "grandchild"])])
def test_stacked_pull_requests_close_in_any_order(
    account: BivouacAccount, order: tuple[str, ...]
) -> None:
    """cabotage-app#328: the parent was closed before its child. Exactly the named one is
    deleted."""
    for name in PULL_REQUESTS:
        account.holds(account.planned(of_pull_request(name)), status=Status.READY)
    went: list[str] = []
    for name in order:
        account.invoke("accept_request", event("PullRequestClosed", PULL_REQUESTS[name], who=name))
        went.append(name)
        assert {each["environment"] for each in started(account, "delete")} == set(went)


def test_two_pull_requests_are_independent(account: BivouacAccount) -> None:
    """opencode.school#63: neither one's deployment nor its end affects the other."""
    machines = Machines(account)
    for name in ("parent", "child"):
        assert machines.create(of_pull_request(name), name)["status"] == "READY"
    assert [status(account, name) for name in ("parent", "child")] == [Status.READY] * 2
    account.pass_time(SETTLED_SECONDS)
    before = of("child", inventory(account))

    machines.delete({"environment": "parent"})
    account.pass_time(SETTLED_SECONDS)

    after = inventory(account)
    assert of("child", after) == before
    assert of("parent", after) == ["parent 2 DELETED"]
    assert status(account, "child") is Status.READY


def test_after_a_lost_closing_the_lease_ends_the_environment(account: BivouacAccount) -> None:
    """kamp-us/phoenix#813: the job that should have closed it never ran, and here the schedule that
    ends the lease is lost too."""
    machines = Machines(account)
    machines.create(environment(name="parent", lease={"ttl": "1h"}), "parent")
    account.schedules.disarm("parent")
    account.pass_time(timedelta(hours=1, minutes=6).total_seconds())

    account.invoke("sweep_environments", {"dryRun": False})

    (deletion,) = started(account, "delete")
    assert (deletion["environment"], deletion["reason"]) == ("parent", "lease expired")
    machines.delete(deletion)
    account.pass_time(SETTLED_SECONDS)
    assert {
        line for kind, lines in inventory(account).items() if kind != "records" for line in lines
    } == set()


CYCLES = 20
"""Each does the same as the one before: what one leaves, twenty leave twenty times."""


def test_many_cycles_leave_nothing(account: BivouacAccount) -> None:
    """kentcdodds/kody#297: 860 leftover records of past deployments."""
    machines = Machines(account)
    before = {kind: lines for kind, lines in inventory(account).items() if kind != "records"}
    for cycle in range(CYCLES):
        machines.create(environment(), f"create-{cycle}")
        machines.delete({"environment": "demo"}, f"delete-{cycle}")
        account.pass_time(SETTLED_SECONDS)
    after = inventory(account)
    assert {kind: lines for kind, lines in after.items() if kind != "records"} == before
    assert account.records.names() == []
    assert account.records.listed() == []
    items = account.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert [item["environment"]["S"] for item in items] == ["demo"], "a tombstone for each name"


class TestDrainingForDays:
    """aws/aws-cli#1334: a service without a task stayed DRAINING."""

    @pytest.fixture
    def stuck(self, account: BivouacAccount) -> Iterator[Machines]:
        machines = Machines(account)
        machines.create(environment())
        account.pass_time(SETTLED_SECONDS)
        with mock.patch.object(account.plane.ecs.scheduler, "_inactive_when_drained"):
            yield machines

    def test_the_receipt_names_it_and_the_deletion_is_retried(
        self, account: BivouacAccount, stuck: Machines
    ) -> None:
        with pytest.raises(errors.DeletionIncompleteError) as left:
            stuck.delete({"environment": "demo"})
        assert "service web" in str(left.value)
        assert "DRAINING without any tasks" in str(left.value)
        record = account.record()
        assert record.status is Status.NOT_DELETED
        (item,) = (each for each in record.receipt["items"] if each["kind"] == "service")
        assert (item["name"], item["outcome"]) == ("web", "FAILED")
        assert "demo-expiry" in inventory(account)["schedules"]

    def test_it_is_deleted_once_ecs_has_ended_it(
        self, account: BivouacAccount, stuck: Machines
    ) -> None:
        with pytest.raises(errors.DeletionIncompleteError):
            stuck.delete({"environment": "demo"})
        account.pass_time(timedelta(days=2).total_seconds())
        scheduler = account.plane.ecs.scheduler
        service = account.plane.ecs.clusters.active("bivouac-demo").services["web"]
        type(scheduler)._inactive_when_drained(scheduler, service)

        stuck.delete({"environment": "demo"}, "again")

        assert status(account, "demo") is Status.DELETED
        assert inventory(account)["schedules"] == []
