"""Extend lease: later, never earlier, never beyond the cap, and never without a schedule."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import permutations
from typing import Any
from unittest import mock

import pytest
from extend_lease import extend_lease

from bivouac import errors, times
from bivouac.environment import lease
from bivouac.environment.intents import LIFECYCLE, Intent
from bivouac.environment.lease import Extension
from bivouac.environment.record import Record, Status
from tests.functional.account import BivouacAccount, bivouac_account, execution, started_at
from tests.requests import environment

HOURS = timedelta(hours=1)
REQUEST = environment(lease={"ttl": "8h", "maxTtl": "3d"})


def living(account: BivouacAccount, status: Status = Status.READY, **changes: Any) -> Record:
    """An environment whose lease of eight hours has begun now."""
    blueprint = account.planned(REQUEST)
    ends = account.now().replace(microsecond=0) + 8 * HOURS
    held = {"status": status, "expires_at": times.timestamp(ends), **changes}
    record = account.holds(blueprint, **held)
    account.schedules.arm(blueprint, ends, account.now())
    account.forget_calls()
    return record


def extended(account: BivouacAccount, who: str = "extension", **asked: Any) -> dict[str, Any]:
    event = account.machine_input({"environment": "demo", **asked}, who)
    return extend_lease(event, account.now(), account.records, account.schedules)


def end(account: BivouacAccount) -> str:
    return account.record().expires_at


def in_hours(account: BivouacAccount, hours: float) -> str:
    """From the start time of an execution that starts now."""
    moment = times.moment(started_at(account)) + hours * HOURS
    return times.timestamp(lease.expires_at(moment, 0))


def armed_for(account: BivouacAccount) -> str:
    """The end for which the expiry is armed."""
    armed = account.armed()["demo-expiry"]
    content: dict[str, str] = json.loads(armed["Target"]["Input"])
    assert armed["ScheduleExpression"] == f"at({content['expiresAt'].removesuffix('Z')})"
    return content["expiresAt"]


def test_a_lease_is_extended_with_its_expiry_and_its_warning(account: BivouacAccount) -> None:
    living(account)
    answer = extended(account, ttl="12h")
    assert answer["outcome"] == "DONE"
    assert answer["expiresAt"] == end(account) == armed_for(account) == in_hours(account, 12)
    warning = account.armed()["demo-warning"]
    assert warning["ScheduleExpression"] == f"at({in_hours(account, 11.5).removesuffix('Z')})"
    assert json.loads(warning["Target"]["Input"]) == {
        "environment": "demo",
        "expiresAt": end(account),
        "warningSeconds": 1800,
    }
    assert account.changes == []


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    living(account)
    event = account.machine_input({"environment": "demo", "ttl": "12h"})
    assert account.invoke("extend_lease", event)["outcome"] == "DONE"


def test_the_end_counts_from_the_intended_time(account: BivouacAccount) -> None:
    """W01: an event that is an hour late extends no further than one in time."""
    living(account)
    meant, asked_for = started_at(account), in_hours(account, 12)
    account.pass_time(3600)
    extended(account, ttl="12h", intent={"id": "e1", "at": meant})
    assert end(account) == asked_for


def test_keep_extends_to_the_cap(account: BivouacAccount) -> None:
    living(account)
    assert extended(account, keep=True)["expiresAt"] == in_hours(account, 72)


def test_nothing_goes_beyond_the_cap(account: BivouacAccount) -> None:
    before = living(account)
    with pytest.raises(errors.InvalidRequestError, match="4d is longer than the 3d"):
        extended(account, ttl="4d")
    assert end(account) == before.expires_at
    assert account.mutating_calls == []


def test_an_extension_never_shortens(account: BivouacAccount) -> None:
    before = living(account)
    answer = extended(account, ttl="1h")
    assert (answer["outcome"], answer["expiresAt"]) == ("UNCHANGED", before.expires_at)
    assert "does not shorten" in answer["because"]
    assert end(account) == armed_for(account) == before.expires_at


def test_the_same_extension_twice_is_one(account: BivouacAccount) -> None:
    """W01: guarded by the end that it expects, a repetition is not a conflict."""
    before = living(account)
    asked = {"ttl": "12h", "expectedExpiresAt": before.expires_at}
    meant = {"id": "e1", "at": started_at(account)}
    first = extended(account, **asked, intent=meant)
    account.pass_time(60)
    again = extended(account, "again", **asked, intent=meant)
    assert (first["outcome"], again["outcome"]) == ("DONE", "UNCHANGED")
    assert end(account) == armed_for(account) == first["expiresAt"]


def test_an_unexpected_end_is_an_error_and_changes_nothing(account: BivouacAccount) -> None:
    before = living(account)
    extended(account, ttl="10h")
    kept = end(account)
    account.forget_calls()
    with pytest.raises(errors.LeaseChangedError, match=f"not at {before.expires_at} as expected"):
        extended(account, ttl="20h", expectedExpiresAt=before.expires_at)
    assert end(account) == kept
    assert account.mutating_calls == []


def test_of_two_concurrent_extensions_one_reads_again(account: BivouacAccount) -> None:
    """W17: the record is written only if nobody has written it since."""
    read = living(account)
    extended(account, ttl="10h")
    kept = end(account)
    with pytest.raises(errors.NotYetConsistentError):
        account.records.extend(read, in_hours(account, 9), Extension(account.now(), 9 * 3600))
    with pytest.raises(errors.NotYetConsistentError):
        account.records.take(read, read)  # a create that used this would bring the old end back
    assert end(account) == kept


def test_the_latest_end_holds_in_any_order() -> None:
    """W01."""
    for order in permutations(["9h", "12h", "10h"]):
        with bivouac_account() as account:
            living(account)
            meant = {"id": "e", "at": started_at(account)}
            latest = in_hours(account, 12)
            for ttl in order:
                extended(account, ttl, ttl=ttl, intent={**meant, "id": ttl})
            assert end(account) == armed_for(account) == latest, order


class TestCreateThatWasMeantBefore:
    """W01, W15: it began before the extension, and opens the environment after it."""

    def created(self, account: BivouacAccount, meant: dict[str, str], **of: str) -> str:
        """The end of the lease, once the create that was meant then has opened."""
        request = environment(lease={"ttl": "8h", "maxTtl": "3d", **of})
        event = {
            "environment": "demo",
            "plan": account.planned(request).to_json(),
            "instruction": account.instruction(request) | {"intent": meant},
            "execution": execution("second"),
            "startedAt": meant["at"],
        }
        assert account.invoke("open_environment", event)["status"] == "OPEN"
        assert armed_for(account) == end(account)
        return end(account)

    @pytest.mark.parametrize("asked", [{"ttl": "12h"}, {"keep": True}], ids=["12h", "keep"])
    @pytest.mark.parametrize("former", ["8h", "2d"], ids=["a short lease", "a long lease"])
    def test_its_environment_has_the_extended_lease(
        self, account: BivouacAccount, asked: dict[str, Any], former: str
    ) -> None:
        """Whether or not the extension changed the end that it found."""
        ends = account.now().replace(microsecond=0) + times.duration_seconds(former) / 3600 * HOURS
        living(account, expires_at=times.timestamp(ends))
        account.pass_time(60)
        meant = {"id": "create", "at": started_at(account)}
        account.pass_time(60)
        extended(account, **asked)
        wanted = in_hours(account, 12 if "ttl" in asked else 72)
        account.pass_time(60)
        assert self.created(account, meant) == wanted

    def test_its_own_cap_limits_the_lease(self, account: BivouacAccount) -> None:
        living(account)
        meant = {"id": "create", "at": started_at(account)}
        account.pass_time(60)
        extended(account, ttl="2d")
        assert self.created(account, meant, maxTtl="1d") == in_hours(account, 24)

    def test_an_extension_meant_before_the_create_has_no_effect(
        self, account: BivouacAccount
    ) -> None:
        living(account)
        account.pass_time(60)
        extended(account, ttl="2d")
        account.pass_time(60)
        meant = {"id": "create", "at": started_at(account)}
        assert self.created(account, meant) == in_hours(account, 8)

    def test_an_extension_makes_a_concurrent_open_read_again(self, account: BivouacAccount) -> None:
        """W17: it was read before the extension, which changed no end."""
        read = living(account)
        extended(account, ttl="1h")
        assert end(account) == read.expires_at
        with pytest.raises(errors.NotYetConsistentError):
            account.records.take(read, read)


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.ASLEEP, Status.FAILED])
def test_a_sleeping_environments_lease_is_extended(account: BivouacAccount, status: Status) -> None:
    living(account, status)
    assert extended(account, ttl="12h")["outcome"] == "DONE"
    record = account.record()
    assert (record.status, record.generation) == (status, 1)


@pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED, Status.DELETED])
def test_a_deleted_environment_is_not_extended(account: BivouacAccount, status: Status) -> None:
    living(account, status)
    with pytest.raises(errors.EnvironmentNotFoundError, match=f"is {status}: its lease is over"):
        extended(account, ttl="12h")
    assert account.mutating_calls == []


def test_an_unknown_environment_is_an_error(account: BivouacAccount) -> None:
    with pytest.raises(errors.EnvironmentNotFoundError, match="was ever created"):
        extended(account, ttl="12h")


@pytest.mark.parametrize("asked", [{"generation": 3}, {}], ids=["another life", "meant before"])
def test_an_extension_for_an_earlier_life_changes_nothing(
    account: BivouacAccount, asked: dict[str, Any]
) -> None:
    meant = {"id": "old", "at": started_at(account)}
    account.pass_time(60)
    born = Intent(account.now(), execution("first"))
    before = living(account, generation=4, intents={LIFECYCLE: born})
    answer = extended(account, ttl="12h", **(asked or {"intent": meant}))
    assert (answer["outcome"], end(account)) == ("UNCHANGED", before.expires_at)
    assert answer["because"]


class TestKilledInBetween:
    def test_a_kill_between_record_and_schedule_is_repaired_by_starting_again(
        self, account: BivouacAccount
    ) -> None:
        before = living(account)
        latest, meant = _killed_before_the_schedule(account)
        assert armed_for(account) == before.expires_at < latest
        again = extended(account, ttl="12h", intent=meant)
        assert again["outcome"] == "UNCHANGED"
        assert end(account) == armed_for(account) == latest

    def test_after_a_kill_the_old_expiry_arms_the_current_one(
        self, account: BivouacAccount
    ) -> None:
        """Otherwise the schedule would be gone once it fired, and nothing would ever end it."""
        before = living(account)
        latest, _ = _killed_before_the_schedule(account)
        assert latest > before.expires_at
        account.pass_time(8 * 3600)
        account.schedules.disarm("demo")  # it deletes itself after it fired
        asked = {"environment": "demo", "expiresAt": before.expires_at}
        closed = account.invoke("close_environment", account.machine_input(asked, "expiry"))
        assert closed["status"] == "OUTDATED"
        assert armed_for(account) == latest


def _killed_before_the_schedule(account: BivouacAccount) -> tuple[str, dict[str, str]]:
    """The record's end at that point, and the intent."""
    meant = {"id": "e", "at": started_at(account)}
    killed = mock.patch.object(type(account.schedules), "arm", side_effect=KeyboardInterrupt)
    with killed, pytest.raises(KeyboardInterrupt):
        extended(account, ttl="12h", intent=meant)
    return end(account), meant


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, 'ttl: give either ttl, such as "8h", or "keep": true'),
        ({"ttl": "8h", "keep": True}, "ttl: give either ttl"),
        ({"keep": False}, "ttl: give either ttl"),
        ({"ttl": "eight hours"}, "ttl: 'eight hours' is not a duration"),
        ({"ttl": "8h", "expectedExpiresAt": "tomorrow"}, "expectedExpiresAt: "),
        ({"ttl": "8h", "expectedExpiresAt": "2030-01-01T00:00:00"}, "has no offset"),
        ({"ttl": "8h", "until": "2030"}, "until: unknown field"),
        ({"ttl": "8h", "intent": {"id": "e"}}, "intent.at: required, but missing"),
        ({"ttl": "8h", "intent": {"id": "e", "at": "2999-01-01T00:00:00Z"}}, "is in the future"),
    ],
)
def test_an_invalid_input_is_refused(
    account: BivouacAccount, asked: dict[str, Any], told: str
) -> None:
    living(account)
    with pytest.raises(errors.InvalidRequestError) as caught:
        extended(account, **asked)
    assert told in str(caught.value)
    assert account.mutating_calls == []


def test_all_problems_are_reported_at_once(account: BivouacAccount) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        extended(account, environment="Not A Name", ttl="long", force=True, generation="1")
    assert len(caught.value.problems) == 4
