"""No schedule of a deleted environment fires after its receipt, whatever was interrupted."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from open_environment import open_environment
from write_receipt import write_receipt

from bivouac.environment.record import Status
from bivouac.environment.schedules import OFFICE_HOURS as UP_AND_DOWN
from bivouac.environment.schedules import name_of
from tests.functional.account import (
    TABLE,
    BivouacAccount,
    execution,
    started_at,
)
from tests.requests import environment

OFFICE_HOURS = {"up": "cron(0 8 ? * MON-FRI *)", "down": "cron(0 19 ? * MON-FRI *)"}
SCHEDULED = environment(schedule=OFFICE_HOURS)
UNSCHEDULED = environment()
NOTHING_LEFT: dict[str, Any] = {"items": []}
UP, DOWN = (name_of(kind, "demo") for kind in UP_AND_DOWN)


def opened(account: BivouacAccount, request: dict[str, Any], who: str) -> None:
    event = {
        "environment": "demo",
        "plan": account.planned(request).to_json(),
        "instruction": account.instruction(request, who),
        "startedAt": started_at(account),
        "execution": execution(who),
    }
    holder = account.holder(execution(who))
    open_environment(event, account.now(), holder, account.schedules)


def interrupted(account: BivouacAccount, request: dict[str, Any], who: str) -> None:
    """Killed for good between the record and the schedules."""
    with (
        mock.patch.object(type(account.schedules), "arm", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        opened(account, request, who)


def ready(account: BivouacAccount) -> None:
    account.records.finish("demo", account.record().generation, Status.READY)
    account.pass_time(60)


def deleted(account: BivouacAccount) -> list[str]:
    """The schedules that a complete deletion deletes."""
    event = {
        "environment": "demo",
        "generation": account.record().generation,
        "services": NOTHING_LEFT,
        "used": {"namespace": NOTHING_LEFT},
        "cluster": NOTHING_LEFT,
        "lastCheck": NOTHING_LEFT,
        "keepSchedule": False,
    }
    account.forget_calls()
    write_receipt(event, account.now(), account.records, account.schedules, account.bus)
    return [
        request["url_path"].rpartition("/")[2]
        for call, request in zip(account.calls, account.requests, strict=True)
        if call == "scheduler:DeleteSchedule"
    ]


def test_without_office_hours_no_up_schedule_is_deleted(account: BivouacAccount) -> None:
    opened(account, UNSCHEDULED, "first")
    ready(account)
    assert deleted(account) == ["demo-warning", "demo-expiry"]
    assert account.armed() == {}


def test_office_hours_that_a_later_request_dropped_are_deleted_with_the_environment(
    account: BivouacAccount,
) -> None:
    """The second create wrote the record and died before it removed them."""
    opened(account, SCHEDULED, "first")
    ready(account)
    interrupted(account, UNSCHEDULED, "second")
    ready(account)
    assert {UP, DOWN} <= set(account.armed())
    assert {UP, DOWN} <= set(deleted(account))
    assert account.armed() == {}


def test_office_hours_that_a_create_was_about_to_arm_are_deleted(
    account: BivouacAccount,
) -> None:
    """Killed anywhere between the record and the last schedule."""
    interrupted(account, SCHEDULED, "first")
    assert {UP, DOWN} <= set(deleted(account))


def test_after_a_complete_deletion_they_are_forgotten(account: BivouacAccount) -> None:
    opened(account, SCHEDULED, "first")
    ready(account)
    deleted(account)
    account.pass_time(60)
    opened(account, UNSCHEDULED, "second")
    ready(account)
    assert deleted(account) == ["demo-warning", "demo-expiry"]


def test_schedules_left_by_a_lost_record_are_removed_by_the_next_create(
    account: BivouacAccount,
) -> None:
    """W19: the record says that nothing existed, and the expiry says otherwise."""
    opened(account, SCHEDULED, "first")
    key = {"environment": {"S": "demo"}}
    account.client("dynamodb").delete_item(TableName=TABLE, Key=key)
    account.pass_time(60)
    opened(account, UNSCHEDULED, "second")
    assert sorted(account.armed()) == ["demo-expiry", "demo-warning"]


def test_a_record_of_an_older_form_may_have_had_office_hours(account: BivouacAccount) -> None:
    """Written by an older version of the functions."""
    opened(account, SCHEDULED, "first")
    account.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"environment": {"S": "demo"}},
        UpdateExpression="REMOVE officeHours",
    )
    ready(account)
    assert {UP, DOWN} <= set(deleted(account))
    assert account.armed() == {}
