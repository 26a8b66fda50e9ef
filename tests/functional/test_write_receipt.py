"""Write receipt: complete and forgotten, or not complete and retried."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from write_receipt import write_receipt

from bivouac import errors, times
from bivouac.deletion.ending import TRY_AGAIN_AFTER
from bivouac.environment.record import Status
from tests.functional.account import TABLE, BivouacAccount
from tests.functional.machines import outcomes
from tests.localcloud.recordings import recording
from tests.requests import environment

SCHEDULE = ("expiry schedule", "demo-expiry")
WARNING = ("warning schedule", "demo-warning")
OFFICE_HOURS = {"up": "cron(0 8 ? * MON-FRI *)", "down": "cron(0 19 ? * MON-FRI *)"}
CLEAN = {"status": "GONE", "rounds": 1, "items": []}


def item(name: str, outcome: str = "DELETED", kind: str = "service", **more: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "outcome": outcome, **more}


DENIED = item("web", "FAILED", reason="AccessDenied")
STILL_THERE = {
    **CLEAN,
    "status": "STILL_THERE",
    "items": [item("web", "FAILED", reason="still there at the last check")],
}


def written(
    account: BivouacAccount,
    *items: dict[str, str],
    look: dict[str, Any] | None = None,
    **event: Any,
) -> dict[str, Any]:
    """The receipt in the record."""
    with suppress(errors.DeletionIncompleteError):
        output = tried(account, *items, look=look, **event)
        stored = kept(account)
        assert output["receipt"] == {"name": stored.pop("environment"), **stored}
    return kept(account)


def tried(
    account: BivouacAccount,
    *items: dict[str, str],
    look: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    event = {
        "environment": "demo",
        "generation": 1,
        "services": {"items": list(items)},
        "used": {
            "namespace": {"items": []},
            "taskDefinitions": {"items": []},
            "logGroups": {"items": []},
        },
        "cluster": {"items": []},
        "lastCheck": CLEAN if look is None else look,
        "keepSchedule": False,
        **more,
    }
    return write_receipt(event, account.now(), account.records, account.schedules, account.bus)


def kept(account: BivouacAccount) -> dict[str, Any]:
    key = {"environment": {"S": "demo"}}
    record = account.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    receipt: dict[str, Any] = json.loads(record["receipt"]["S"])
    return receipt


def deleting(account: BivouacAccount, armed: bool = True) -> None:
    """An environment that is being deleted, its lease still armed."""
    blueprint = account.planned(environment())
    account.holds(blueprint, status=Status.DELETING)
    if armed:
        ends = account.now() + timedelta(hours=8)
        account.schedules.arm(blueprint, ends, account.now())
    account.forget_calls()


def scheduled(account: BivouacAccount) -> list[str]:
    return sorted(account.armed())


def test_a_complete_deletion_leaves_a_tombstone_and_no_schedule(account: BivouacAccount) -> None:
    """W03, W17: the generation stays, so that a late function is still fenced off."""
    deleting(account)
    answer = written(account, item("web"), item("shop", "ALREADY_GONE"))
    assert answer["status"] == "DELETED"
    assert outcomes(answer) == {
        ("service", "web"): "DELETED",
        ("service", "shop"): "ALREADY_GONE",
        WARNING: "DELETED",
        SCHEDULE: "DELETED",
    }
    assert scheduled(account) == []
    record = account.record()
    assert (record.status, record.generation) == (Status.DELETED, 1)


def test_a_requested_deletion_counts_only_if_the_last_check_finds_nothing(
    account: BivouacAccount,
) -> None:
    """D05, N14: a request is no proof; the last check is."""
    deleting(account)
    receipt = written(account, item("web", "IN_PROGRESS", reason="its tasks are stopping"))
    assert outcomes(receipt)["service", "web"] == "DELETED"


@pytest.mark.parametrize("outcome", ["RETAINED", "DELETING", "ALREADY_GONE"])
def test_foreign_resources_and_pending_revisions_are_no_failure(
    account: BivouacAccount, outcome: str
) -> None:
    """T12, D18."""
    deleting(account)
    assert written(account, item("web", outcome))["status"] == "DELETED"


def test_a_schedule_that_is_already_gone_is_no_error(account: BivouacAccount) -> None:
    """W03: it deletes itself after it fired."""
    deleting(account, armed=False)
    answer = written(account)
    assert outcomes(answer)[SCHEDULE] == "ALREADY_GONE"


def test_an_incomplete_deletion_names_what_is_left_and_is_retried(
    account: BivouacAccount,
) -> None:
    """D17: FAILED, with the schedule armed again."""
    deleting(account)
    with pytest.raises(errors.DeletionIncompleteError) as caught:
        tried(account, DENIED, item("shop"), look=STILL_THERE)
    assert "1 resource(s) of demo are left:" in str(caught.value)
    assert "service web: AccessDenied" in str(caught.value)
    assert kept(account)["status"] == "NOT_DELETED"
    record = account.record()
    assert record.status is Status.NOT_DELETED
    again = times.timestamp(account.now() + TRY_AGAIN_AFTER)
    assert record.expires_at == again
    armed = account.armed()["demo-expiry"]
    assert armed["ScheduleExpression"] == f"at({again.removesuffix('Z')})"
    assert json.loads(armed["Target"]["Input"])["expiresAt"] == again


def test_a_schedule_that_fired_is_created_again(account: BivouacAccount) -> None:
    """W03: leftovers must not stay for ever."""
    deleting(account, armed=False)
    written(account, DENIED, look=STILL_THERE)
    assert scheduled(account) == ["demo-expiry"]


def test_what_the_last_check_found_is_left(account: BivouacAccount) -> None:
    """Promise 2: a step's word does not count against the last check."""
    deleting(account)
    for said in ("DELETED", "ALREADY_GONE", "RETAINED", "IN_PROGRESS"):
        receipt = written(account, item("web", said), look=STILL_THERE)
        assert receipt["status"] == "NOT_DELETED"
        assert outcomes(receipt)["service", "web"] == "FAILED"


def test_the_receipt_says_what_was_awaited(account: BivouacAccount) -> None:
    deleting(account)
    going = item("web", "IN_PROGRESS", reason="its tasks are stopping")
    with pytest.raises(errors.DeletionIncompleteError, match="last check: its tasks are stopping"):
        tried(account, going, look=STILL_THERE)


def test_what_only_the_last_check_found_is_reported(account: BivouacAccount) -> None:
    """D16, D18: a stranger's family under our prefix is in no step's list."""
    deleting(account)
    theirs = item("demo--theirs:1", "RETAINED", kind="task definition", reason="not ours")
    receipt = written(account, item("web"), look={**CLEAN, "items": [theirs]})
    assert receipt["status"] == "DELETED"
    assert outcomes(receipt)["task definition", "demo--theirs:1"] == "RETAINED"


def test_a_failed_check_is_never_clean(account: BivouacAccount) -> None:
    """Promise 2, D17."""
    deleting(account)
    failed = {"Error": "AccessDeniedError", "Cause": "no"}
    with pytest.raises(errors.DeletionIncompleteError, match="failed: AccessDeniedError: no"):
        tried(account, item("web", "IN_PROGRESS"), item("shop"), look=failed)
    assert outcomes(kept(account))["service", "web"] == "FAILED"
    assert outcomes(kept(account))["service", "shop"] == "DELETED"


def test_a_step_that_timed_out_is_reported(account: BivouacAccount) -> None:
    """Then the cause that the machine passes on is empty."""
    deleting(account)
    timed_out = recording("stepfunctions-task-timeouts")["caught"]
    with pytest.raises(errors.DeletionIncompleteError) as caught:
        tried(account, item("web", "FAILED", reason=timed_out["Cause"]), look=timed_out)
    assert "service web: the step timed out" in str(caught.value)
    assert "the last check failed: States.Timeout" in str(caught.value)


def test_a_failed_function_is_reported_by_its_message(
    account: BivouacAccount,
) -> None:
    """W11: Lambda's cause is JSON."""
    deleting(account)

    def cause(message: str) -> str:
        return json.dumps({"errorMessage": message, "errorType": "X", "stackTrace": ["File x"]})

    failed = {"Error": "ThrottledError", "Cause": cause("too many")}
    with pytest.raises(errors.DeletionIncompleteError) as caught:
        tried(account, item("web", "FAILED", reason=cause("not now")), look=failed)
    assert "service web: not now" in str(caught.value)
    assert "the last check failed: ThrottledError: too many" in str(caught.value)
    assert "stackTrace" not in str(caught.value)


def test_two_clean_checks_override_an_earlier_failure(account: BivouacAccount) -> None:
    """D17: denied first, gone in the end."""
    deleting(account)
    answer = written(account, DENIED, look=CLEAN)
    assert answer["status"] == "DELETED"
    assert outcomes(answer)["service", "web"] == "ALREADY_GONE"


def test_a_long_list_of_failures_fits_a_cause(account: BivouacAccount) -> None:
    """W08."""
    deleting(account)
    many = [item(f"web-{n}", "FAILED", reason="x" * 400) for n in range(200)]
    with pytest.raises(errors.DeletionIncompleteError) as caught:
        tried(account, *many, look={**CLEAN, "items": many})
    assert str(caught.value).startswith("200 resource(s) of demo are left:")
    assert len(json.dumps(str(caught.value))) < 32_768


def test_a_repetition_writes_the_same_receipt(account: BivouacAccount) -> None:
    deleting(account, armed=False)
    assert written(account, item("web")) == written(account, item("web"))


def test_a_superseded_deletion_writes_nothing(account: BivouacAccount) -> None:
    """W17."""
    account.holds(account.planned(environment()), generation=2, status=Status.CREATING)
    account.forget_calls()
    with pytest.raises(errors.SupersededError):
        tried(account)
    assert account.mutating_calls == []


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    deleting(account)
    event = {
        "environment": "demo",
        "generation": 1,
        "services": {"items": []},
        "used": {},
        "cluster": {"items": []},
        "lastCheck": CLEAN,
        "keepSchedule": False,
    }
    assert account.invoke("write_receipt", event)["status"] == "DELETED"


def test_the_receipt_is_published(account: BivouacAccount) -> None:
    deleting(account)
    receipt = written(account, item("web"))
    ((type_, detail),) = account.published
    assert type_ == "EnvironmentDeleted"
    assert detail["receipt"] == {"name": receipt.pop("environment"), **receipt}
    assert (detail["name"], detail["generation"], detail["omitted"]) == ("demo", 1, 0)
    assert (detail["status"], detail["expiresAt"]) == ("DELETED", None)


def test_an_incomplete_receipt_is_published(account: BivouacAccount) -> None:
    deleting(account)
    receipt = written(account, DENIED, item("shop"), look=STILL_THERE)
    ((type_, detail),) = account.published
    assert type_ == "EnvironmentNotDeleted"
    assert detail["receipt"]["items"] == receipt["items"]
    assert (detail["status"], detail["expiresAt"]) == ("NOT_DELETED", account.record().expires_at)


def test_a_repetition_is_the_same_event(account: BivouacAccount) -> None:
    deleting(account)
    for _ in range(2):
        written(account, item("web"))
        account.pass_time(60)
    (_, first), (_, again) = account.published
    assert first["id"] == again["id"]


@pytest.mark.parametrize("left", [False, True])
def test_the_sweep_publishes_a_receipt_that_could_not_be_published(
    account: BivouacAccount, left: bool
) -> None:
    """It undoes nothing, and is not forgotten, although deleted environments are not listed."""
    deleting(account)
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "AccessDenied"}]}
    with Stubber(account.client("events")) as stubber:
        stubber.add_response("put_events", refused)
        receipt = written(account, DENIED, look=STILL_THERE) if left else written(account)
    assert receipt["status"] == ("NOT_DELETED" if left else "DELETED")
    account.forget_calls()

    account.invoke("sweep_environments", {"dryRun": False})

    ((kind, detail),) = account.published
    assert kind == ("EnvironmentNotDeleted" if left else "EnvironmentDeleted")
    told = {entry["kind"] for entry in detail["receipt"]["items"]}
    assert told == {entry["kind"] for entry in receipt["items"]}
    assert (account.records.listed() == []) is not left
    account.forget_calls()
    account.invoke("sweep_environments", {"dryRun": False})
    assert account.published == []


class TestOfficeHours:
    """A down that deletes: everything goes but the record and the schedules."""

    def gone(self, account: BivouacAccount, ends: str = "2030-01-01T00:00:00Z") -> dict[str, Any]:
        blueprint = account.planned(environment(schedule=OFFICE_HOURS))
        account.holds(blueprint, status=Status.DELETING, expires_at=ends)
        account.schedules.arm(blueprint, times.moment(ends), account.now())
        return written(account, item("web"), keepSchedule=True)

    def test_the_next_up_creates_the_environment_again(self, account: BivouacAccount) -> None:
        receipt = self.gone(account)
        assert receipt["status"] == "SCHEDULED"
        assert outcomes(receipt) == {
            ("service", "web"): "DELETED",
            ("up schedule", "demo-up"): "RETAINED",
            ("down schedule", "demo-down"): "RETAINED",
        }
        assert scheduled(account) == ["demo-down", "demo-expiry", "demo-up", "demo-warning"]
        record = account.record()
        assert (record.status, record.expires_at) == (Status.SCHEDULED, "2030-01-01T00:00:00Z")
        assert [summary.environment for summary in account.records.listed()] == ["demo"]

    def test_the_expiry_deletes_the_schedules_too(self, account: BivouacAccount) -> None:
        self.gone(account)
        record = account.record()
        account.records.take(replace(record, status=Status.DELETING), record)
        receipt = written(account)
        assert receipt["status"] == "DELETED"
        assert set(outcomes(receipt)) == {
            ("up schedule", "demo-up"),
            ("down schedule", "demo-down"),
            WARNING,
            SCHEDULE,
        }
        assert scheduled(account) == []
        assert account.records.listed() == []

    def test_after_the_lease_no_schedule_is_kept(self, account: BivouacAccount) -> None:
        ends = times.timestamp(account.now() - timedelta(minutes=1))
        assert self.gone(account, ends)["status"] == "DELETED"
        assert scheduled(account) == []

    def test_without_office_hours_no_schedule_is_kept(self, account: BivouacAccount) -> None:
        deleting(account)
        assert written(account, keepSchedule=True)["status"] == "DELETED"
        assert scheduled(account) == []

    def test_an_incomplete_deletion_is_retried_as_a_whole(self, account: BivouacAccount) -> None:
        blueprint = account.planned(environment(schedule=OFFICE_HOURS))
        account.holds(blueprint, status=Status.DELETING)
        with pytest.raises(errors.DeletionIncompleteError):
            tried(account, DENIED, look=STILL_THERE, keepSchedule=True)
        again = json.loads(account.armed()["demo-expiry"]["Target"]["Input"])
        assert "keepSchedule" not in again
