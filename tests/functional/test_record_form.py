"""Records have a form: that of b0cdb58, the present one, or that of a newer stack."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac import errors
from bivouac.environment.record import FORM, Record, Status
from tests.functional.account import TABLE, BivouacAccount
from tests.requests import environment

KEY = {"environment": {"S": "demo"}}


def item(account: BivouacAccount) -> dict[str, Any]:
    found: dict[str, Any] = account.client("dynamodb").get_item(TableName=TABLE, Key=KEY)["Item"]
    return found


def write(account: BivouacAccount, update: str, **values: Any) -> None:
    account.client("dynamodb").update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression=update,
        **({"ExpressionAttributeValues": values} if values else {}),
    )
    account.forget_calls()


@pytest.fixture
def record(account: BivouacAccount) -> Record:
    return account.holds(account.planned(environment()), status=Status.READY)


@pytest.fixture
def newer(account: BivouacAccount, record: Record) -> BivouacAccount:
    """A newer stack has written its record before it was rolled back."""
    write(account, "SET form = :form", **{":form": {"N": str(FORM + 1)}})
    return account


def test_every_record_has_its_form(account: BivouacAccount, record: Record) -> None:
    assert item(account)["form"] == {"N": str(FORM)}


def test_a_record_without_form_is_read_as_one_of_b0cdb58(
    account: BivouacAccount, record: Record
) -> None:
    write(account, "REMOVE form")
    assert account.records.find("demo") == record


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        ("check_request", environment()),
        ("check_request", {"redeploy": {"environment": "demo"}}),
        ("check_request", {"wake": {"environment": "demo"}}),
        ("close_environment", {"environment": "demo"}),
        ("extend_lease", {"environment": "demo", "ttl": "8h"}),
        ("suspend_environment", {"environment": "demo"}),
    ],
)
def test_a_newer_record_is_refused_and_not_changed(
    newer: BivouacAccount, function: str, asked: dict[str, Any]
) -> None:
    before = item(newer)
    told = f"wrote the record of demo.*form {FORM + 1}.*{FORM}.*Update the stack"
    with pytest.raises(errors.RecordTooNewError, match=told):
        newer.invoke(function, newer.machine_input(asked))
    assert newer.mutating_calls == []
    assert item(newer) == before


def test_a_record_that_became_newer_since_the_plan_is_refused(
    account: BivouacAccount, record: Record
) -> None:
    plan = account.invoke("check_request", account.machine_input(environment()))
    write(account, "SET form = :form", **{":form": {"N": str(FORM + 1)}})
    with pytest.raises(errors.RecordTooNewError):
        account.invoke("open_environment", {**plan, "execution": "arn"})
    assert account.mutating_calls == []


def test_the_holder_is_superseded_by_a_newer_version(newer: BivouacAccount) -> None:
    """Only a step that takes an environment writes the form, so a newer record has another
    holder."""
    with pytest.raises(errors.SupersededError, match="form"):
        newer.records.current("demo", 1)


def test_other_environments_are_rechecked(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()), status=Status.DEGRADED)
    write(account, "SET form = :form", **{":form": {"N": str(FORM + 1)}})
    answer = account.invoke("recheck_environment", {"status": "DEGRADED"})
    assert answer == {"status": "RECHECKED", "environments": {"demo": "TOO_NEW"}}
    assert account.mutating_calls == []


class TestSweep:
    def test_the_sweep_reports_a_newer_record_and_leaves_it(self, newer: BivouacAccount) -> None:
        """Nothing ends its lease until the stack is updated, so nobody may overlook it."""
        before = item(newer)
        (found,) = newer.invoke("sweep_environments", {"dryRun": True})["findings"]
        assert (found["kind"], found["action"]) == ("unreadable record", "only reports it")
        assert "newer version of Bivouac" in found["reason"]
        with pytest.raises(errors.SweepIncompleteError, match=r"demo: unreadable record: .*newer"):
            newer.invoke("sweep_environments", {"dryRun": False})
        assert newer.mutating_calls == []
        assert item(newer) == before
