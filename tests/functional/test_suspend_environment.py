"""Suspend environment: a running execution ends first, and the newest intent holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from suspend_environment import suspend_environment

from bivouac import errors
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb
from bivouac.environment.record import Status
from bivouac.environment.wait_times import ANOTHER_EXECUTION
from tests.functional.account import (
    SETTLE_SECONDS,
    SLEEP_MACHINE,
    BivouacAccount,
    execution,
)
from tests.requests import environment


def held(account: BivouacAccount, status: Status = Status.READY, **changes: Any) -> None:
    account.holds(account.planned(environment()), status=status, **changes)
    account.forget_calls()


def suspended(account: BivouacAccount, who: str = "sleep", **asked: Any) -> dict[str, Any]:
    event = account.machine_input({"environment": "demo", **asked}, who)
    return suspend_environment(event, account.now(), account.holder(event["execution"]))


def meant(at: datetime, name: str = "down") -> dict[str, str]:
    return {"id": name, "at": at.isoformat()}


@pytest.mark.parametrize("status", [Status.READY, Status.DEGRADED])
def test_a_running_environment_is_held_under_a_new_generation(
    account: BivouacAccount, status: Status
) -> None:
    """W17: every step of an earlier generation is fenced off, and the lease does not change."""
    held(account, status)
    answer = suspended(account)
    assert (answer["status"], answer["generation"]) == ("SUSPENDED", 2)
    record = account.record()
    assert (record.status, record.verb) == (Status.FALLING_ASLEEP, Verb.SLEEP)
    assert (record.execution, record.expires_at) == (execution("sleep"), "2030-01-01T00:00:00Z")
    assert account.changes == []


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    held(account)
    event = account.machine_input({"environment": "demo", "reason": "office hours"}, "sleep")
    assert account.invoke("suspend_environment", event)["status"] == "SUSPENDED"


def test_a_repetition_by_the_same_execution_goes_on(account: BivouacAccount) -> None:
    """S21: the answer was lost."""
    held(account)
    suspended(account)
    account.forget_calls()
    assert suspended(account)["generation"] == 2
    assert account.mutating_calls == []


def test_a_running_execution_ends_first(account: BivouacAccount) -> None:
    held(account, Status.CREATING, execution=account.start_execution("redeploy"))
    answer = suspended(account)
    assert (answer["status"], answer["waitSeconds"]) == ("WAIT", ANOTHER_EXECUTION)
    assert account.record().status is Status.CREATING
    account.records.finish("demo", 1, Status.READY)
    assert suspended(account)["status"] == "SUSPENDED"


@pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED, Status.FALLING_ASLEEP])
def test_the_last_functions_of_a_dead_execution_are_awaited(
    account: BivouacAccount, status: Status
) -> None:
    """W13: one of them may start tasks after they were stopped here."""
    held(account)
    account.records.finish("demo", 1, Status.READY)
    held(account, status)
    answer = suspended(account)
    assert (answer["status"], answer["waitSeconds"]) == ("SETTLE", SETTLE_SECONDS)
    assert (answer["generation"], account.record().status) == (2, Status.FALLING_ASLEEP)
    again = suspended(account)  # killed before its answer: the wait is not forgotten
    assert (again["status"], again["generation"]) == ("SETTLE", 2)


def test_a_running_sleep_is_awaited(account: BivouacAccount) -> None:
    running = account.start_execution("first", SLEEP_MACHINE)
    held(account, Status.FALLING_ASLEEP, execution=running)
    assert suspended(account)["status"] == "WAIT"


@pytest.mark.parametrize(
    "status",
    [Status.ASLEEP, Status.SCHEDULED, Status.DELETING, Status.NOT_DELETED, Status.DELETED],
)
def test_without_a_running_environment_only_the_intent_is_remembered(
    account: BivouacAccount, status: Status
) -> None:
    """W01: an up that was meant before it, and is late, must not wake it."""
    held(account, status)
    at = account.now()
    answer = suspended(account, intent=meant(at))
    assert answer["status"] == "OUTDATED"
    record = account.record()
    assert (record.status, record.generation) == (status, 1)
    assert record.intents == {POWER: Intent(at, "down")}


@pytest.mark.parametrize("matter", [LIFECYCLE, POWER])
def test_an_intent_older_than_the_last_one_is_outdated(
    account: BivouacAccount, matter: str
) -> None:
    """W01, W18: a later wake, creation or deletion holds."""
    held(account, intents={matter: Intent(account.now(), "newer")})
    answer = suspended(account, intent=meant(account.now() - timedelta(minutes=5)))
    assert answer["status"] == "OUTDATED"
    assert "later intent" in answer["output"]["because"]
    assert account.mutating_calls == []


def test_a_repeated_firing_changes_nothing(account: BivouacAccount) -> None:
    """W01: the second one must not put to sleep what was woken by hand in between."""
    held(account)
    firing = meant(account.now())
    assert suspended(account, intent=firing)["status"] == "SUSPENDED"
    account.records.finish("demo", 2, Status.READY)
    assert suspended(account, "again", intent=firing)["status"] == "OUTDATED"


def test_an_intent_for_an_earlier_generation_is_outdated(account: BivouacAccount) -> None:
    held(account, generation=3)
    assert suspended(account, generation=2)["status"] == "OUTDATED"


def test_an_unknown_environment_is_reported(account: BivouacAccount) -> None:
    with pytest.raises(errors.EnvironmentNotFoundError, match="demo"):
        suspended(account)


def test_an_intent_in_the_future_is_refused(account: BivouacAccount) -> None:
    """It would outdate every wake until then."""
    held(account, Status.ASLEEP)
    with pytest.raises(errors.InvalidRequestError, match="is in the future"):
        suspended(account, intent={"id": "x", "at": "2099-01-01T00:00:00Z"})
    assert account.record().intents == {}


@pytest.mark.parametrize("internal", [{"settled": True}, {"settled": True, "request": {}}])
def test_the_input_cannot_claim_that_the_wait_is_over(
    account: BivouacAccount, internal: dict[str, Any]
) -> None:
    held(account, Status.FAILED)
    with pytest.raises(errors.InvalidRequestError, match="settled: unknown field"):
        suspended(account, **internal)
    assert account.mutating_calls == []


def test_all_problems_are_reported_at_once(account: BivouacAccount) -> None:
    held(account)
    with pytest.raises(errors.InvalidRequestError) as caught:
        suspended(account, environment="Not A Name", force=True, intent={"at": "now"})
    assert len(caught.value.problems) == 4
    assert account.mutating_calls == []
