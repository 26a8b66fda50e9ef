"""Schedules are armed and removed even while Scheduler is busy with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bivouac.errors import NotYetConsistentError
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import SCHEDULES, BivouacAccount

LEASE = timedelta(hours=8)


def ends(account: BivouacAccount) -> str:
    return str(account.armed()["demo-expiry"]["ScheduleExpression"])


@pytest.mark.parametrize("operation", ["UpdateSchedule", "DeleteSchedule"])
def test_a_conflict_is_retried(account: BivouacAccount, operation: str) -> None:
    """Scheduler answers ConflictException soon after another change (recorded in May 2026)."""
    schedules, later = account.schedules, account.now() + 2 * LEASE
    schedules.arm_expiry("demo", account.now() + LEASE, account.now())
    before = ends(account)

    def again() -> None:
        if operation == "UpdateSchedule":
            schedules.arm_expiry("demo", later, account.now())
        else:
            schedules.disarm("demo")

    busy = Injection(account, Fault.BUSY_SCHEDULE, lambda _, call: call.endswith(operation))
    with injected(busy), pytest.raises(NotYetConsistentError, match="ConflictException"):
        again()
    assert busy.struck
    assert ends(account) == before
    again()
    if operation == "UpdateSchedule":
        assert ends(account) != before
    else:
        assert account.armed() == {}


def test_a_schedule_that_disappears_during_an_update_is_created_again(
    account: BivouacAccount,
) -> None:
    """A one-time schedule deletes itself once it has fired."""
    account.schedules.arm_expiry("demo", account.now() + LEASE, account.now())
    client = account.client("scheduler")

    def fires(params: object, **_: object) -> None:
        client.meta.events.unregister("before-call.scheduler.UpdateSchedule", fires)
        client.delete_schedule(Name="demo-expiry", GroupName=SCHEDULES.expiry_group)

    client.meta.events.register("before-call.scheduler.UpdateSchedule", fires)
    with pytest.raises(NotYetConsistentError):
        account.schedules.arm_expiry("demo", account.now() + LEASE, account.now())
    account.schedules.arm_expiry("demo", account.now() + LEASE, account.now())
    assert "demo-expiry" in account.armed()


def test_no_schedule_is_armed_for_a_time_about_to_pass(account: BivouacAccount) -> None:
    """Scheduler accepts past times and is precise to the minute: whether it fires for them is not
    known."""
    account.schedules.arm_expiry("demo", account.now() - LEASE, account.now())
    soonest = account.now() + timedelta(minutes=2)
    assert ends(account) == f"at({soonest:%Y-%m-%dT%H:%M:%S})"
