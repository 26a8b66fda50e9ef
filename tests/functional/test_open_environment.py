"""Open environment: who gets it, and that its end is set before its first resource."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from open_environment import open_environment

from bivouac import errors, times
from bivouac.environment.intents import POWER, Intent
from bivouac.environment.record import Status
from bivouac.environment.service_changes import Change, newest, to_json
from bivouac.environment.wait_times import ANOTHER_EXECUTION
from tests.functional.account import (
    DELETE_MACHINE,
    SCHEDULES,
    SETTLE_SECONDS,
    SLEEP_MACHINE,
    WAKE_MACHINE,
    BivouacAccount,
    execution,
    started_at,
)
from tests.requests import environment, web

FAR = "2030-01-01T00:00:00Z"


def opened(
    account: BivouacAccount,
    request: dict[str, Any] | None = None,
    who: str = "first",
    **event: Any,
) -> dict[str, Any]:
    request = request or environment()
    blueprint = account.planned(request)
    given = {
        "environment": blueprint.environment,
        "plan": blueprint.to_json(),
        "instruction": account.instruction(request, who),
        "execution": who if who.startswith("arn:") else execution(who),
        "startedAt": times.timestamp(account.now()),
        **event,
    }
    holder = account.holder(given["execution"])
    return open_environment(given, account.now(), holder, account.schedules)


def schedule(account: BivouacAccount) -> dict[str, Any]:
    return account.armed()["demo-expiry"]


def test_the_record_and_the_expiry_exist_before_the_first_resource(
    account: BivouacAccount,
) -> None:
    """W03, W17: promise 2 begins here."""
    answer = opened(account)
    assert answer["status"] == "OPEN"
    assert answer["generation"] == 1
    assert answer["progress"] == {
        "status": "FOUNDATION",
        "namespaceArn": None,
        "expected": [],
        "blocked": [],
        "going": [],
        "healthy": [],
        "changed": True,
        "patienceSeconds": 900,
        "roll": [],
        "rolled": [],
        "registered": {},
    }
    assert answer["expiresAt"] == times.timestamp(account.now() + timedelta(hours=8))
    assert answer["deadline"] == times.timestamp(account.now() + timedelta(minutes=15))
    assert answer["latestAnswer"] == times.timestamp(account.now() + timedelta(minutes=16))
    record = account.record()
    assert (record.status, record.execution) == (Status.CREATING, execution("first"))
    assert record.expires_at == answer["expiresAt"]
    armed = schedule(account)
    assert armed["ScheduleExpression"] == f"at({answer['expiresAt'].removesuffix('Z')})"
    assert armed["ActionAfterCompletion"] == "DELETE"
    assert armed["Target"]["Arn"] == DELETE_MACHINE
    assert armed["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185
    assert json.loads(armed["Target"]["Input"]) == {
        "environment": "demo",
        "reason": "lease expired",
        "expiresAt": answer["expiresAt"],
    }
    assert account.changes == []


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    plan = account.planned(environment()).to_json()
    event = {
        "environment": "demo",
        "plan": plan,
        "instruction": account.instruction(environment()),
        "execution": execution("a"),
        "startedAt": started_at(account),
    }
    answer = account.invoke("open_environment", event)
    assert (answer["status"], answer["generation"]) == ("OPEN", 1)


def test_the_deadline_comes_before_the_machines_time_out(account: BivouacAccount) -> None:
    """W13: a timed-out machine says nothing; it times out two hours after its start."""
    request = environment(timeouts={"ready": "15m"})
    started = account.now() - timedelta(minutes=105)  # it waited for another execution
    answer = opened(account, request, startedAt=times.timestamp(started))
    assert answer["deadline"] == times.timestamp(started + timedelta(minutes=110))


def test_a_repetition_by_the_same_execution_goes_on(account: BivouacAccount) -> None:
    """S21: the answer was lost; the lease does not move and is taken once."""
    first = opened(account)
    account.pass_time(60)
    again = opened(account)
    assert again["generation"] == 1
    assert again["expiresAt"] == first["expiresAt"]
    assert schedule(account)["ScheduleExpression"] in f"at({first['expiresAt'][:-1]})"


def test_a_schedule_that_was_never_armed_is_armed_when_the_step_is_repeated(
    account: BivouacAccount,
) -> None:
    """W03: killed between the record and the schedule."""
    first = opened(account)
    account.schedules.disarm("demo")
    opened(account)
    assert schedule(account)["ScheduleExpression"] == f"at({first['expiresAt'][:-1]})"


def test_a_later_create_moves_the_schedule_in_place(account: BivouacAccount) -> None:
    """W03: one schedule for each environment; an update carries all of it."""
    opened(account)
    account.records.finish("demo", 1, Status.READY)
    account.pass_time(3600)
    answer = opened(account, environment(lease={"ttl": "1h"}), "second")
    assert answer["generation"] == 2
    armed = schedule(account)
    assert armed["ScheduleExpression"] == f"at({answer['expiresAt'].removesuffix('Z')})"
    assert json.loads(armed["Target"]["Input"])["expiresAt"] == answer["expiresAt"]
    assert armed["ActionAfterCompletion"] == "DELETE"


def test_the_same_request_waits_for_the_create_that_runs(account: BivouacAccount) -> None:
    """W18: it attaches, and takes nothing."""
    running = account.start_execution("running")
    opened(account, who=running)
    answer = opened(account, who="second")
    assert answer["status"] == "WAIT"
    assert answer["waitSeconds"] > 0
    record = account.record()
    assert (record.generation, record.execution) == (1, running)


def test_another_request_stops_the_running_create_and_awaits_its_last_function(
    account: BivouacAccount,
) -> None:
    """W13, W18."""
    running = account.start_execution("running")
    opened(account, who=running)
    other = environment(web(desiredCount=2))
    answer = opened(account, other, "second")
    assert (answer["status"], answer["waitSeconds"]) == ("SETTLE", SETTLE_SECONDS)
    described = account.client("stepfunctions").describe_execution(executionArn=running)
    assert described["status"] == "ABORTED"
    assert (answer["generation"], answer["progress"]["status"]) == (2, "FOUNDATION")
    ready = account.now() + timedelta(seconds=SETTLE_SECONDS, minutes=15)
    assert answer["deadline"] == times.timestamp(ready), "waiting takes none of its time"


def test_the_wait_survives_a_kill_before_the_answer(
    account: BivouacAccount,
) -> None:
    """W13: the record remembers that an execution was stopped."""
    running = account.start_execution("running")
    opened(account, who=running)
    other = environment(web(desiredCount=2))
    opened(account, other, "second")
    again = opened(account, other, "second")
    assert (again["status"], again["generation"]) == ("SETTLE", 2)


def test_the_last_function_of_a_create_stopped_by_hand_is_awaited(account: BivouacAccount) -> None:
    """W13: StopExecution ends no function."""
    opened(account)
    answer = opened(account, who="second")
    assert (answer["status"], answer["waitSeconds"]) == ("SETTLE", SETTLE_SECONDS)


def test_a_ready_environment_is_opened_at_once(account: BivouacAccount) -> None:
    opened(account)
    account.records.finish("demo", 1, Status.READY)
    assert opened(account, who="second")["status"] == "OPEN"


def test_a_tombstone_keeps_the_generation_growing(account: BivouacAccount) -> None:
    """W17: a late function of an earlier life never meets its own number again."""
    account.holds(account.planned(environment()), generation=6, status=Status.DELETED)
    assert opened(account)["generation"] == 7


def test_a_running_deletion_is_awaited(account: BivouacAccount) -> None:
    """S02."""
    deleting = account.start_execution("deleting", DELETE_MACHINE)
    account.holds(account.planned(environment()), status=Status.DELETING, execution=deleting)
    answer = opened(account)
    assert (answer["status"], answer["waitSeconds"]) == ("WAIT", ANOTHER_EXECUTION)


@pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED])
def test_a_deletion_that_did_not_end_is_an_error(account: BivouacAccount, status: Status) -> None:
    """N11, S07: NotDeletedError says what to do, and nothing is taken."""
    account.holds(account.planned(environment()), status=status)
    account.forget_calls()
    with pytest.raises(errors.NotDeletedError, match="delete_environment"):
        opened(account, who="second")
    assert account.mutating_calls == []


def test_of_two_concurrent_opens_one_reads_again(account: BivouacAccount) -> None:
    """W17: the record is written on condition."""
    blueprint = account.planned(environment())
    account.holds(blueprint)
    taken = account.record()
    with pytest.raises(errors.NotYetConsistentError, match="at the same time"):
        account.records.take(taken, None)


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED, Status.CREATING])
def test_the_namespace_of_an_existing_environment_cannot_change(
    account: BivouacAccount, status: Status
) -> None:
    """A deletion uses the recorded namespace, so the first one would be left behind."""
    account.holds(account.planned(environment()), status=status)
    account.forget_calls()
    with pytest.raises(errors.InvalidRequestError, match="delete the environment first"):
        opened(account, environment(namespace="another"), who="second")
    assert account.changes == []
    record = account.record()
    assert (record.generation, record.status) == (1, status)


def test_after_a_deletion_the_namespace_can_change(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()), status=Status.DELETED)
    assert opened(account, environment(namespace="another"), who="second")["status"] == "OPEN"


OFFICE_HOURS = {
    "timezone": "Europe/Berlin",
    "up": "cron(0 8 ? * MON-FRI *)",
    "down": "cron(0 19 ? * MON-FRI *)",
}


def woken(account: BivouacAccount, request: dict[str, Any], **event: Any) -> dict[str, Any]:
    instruction = account.instruction(request, "up") | {"verb": "WAKE", "basedOn": 1}
    return opened(account, request, "up", instruction=instruction, **event)


class TestSchedules:
    def test_a_warning_is_scheduled_before_the_end(self, account: BivouacAccount) -> None:
        answer = opened(account, environment(lease={"ttl": "4h", "warnBefore": "1h"}))
        warning = account.armed()["demo-warning"]
        before = times.timestamp(times.moment(answer["expiresAt"]) - timedelta(hours=1))
        assert warning["ScheduleExpression"] == f"at({before.removesuffix('Z')})"
        assert warning["ActionAfterCompletion"] == "DELETE"
        assert warning["Target"]["Arn"] == SCHEDULES.warn_function_arn

    def test_a_lease_shorter_than_the_warning_has_no_warning(self, account: BivouacAccount) -> None:
        opened(account, environment(lease={"ttl": "2h"}))
        account.records.finish("demo", 1, Status.READY)
        opened(account, environment(lease={"ttl": "30m"}), "second")
        assert list(account.armed()) == ["demo-expiry"]

    def test_office_hours_use_schedulers_time_zones(self, account: BivouacAccount) -> None:
        """Summer time is Scheduler's task too: it gets the time zone, and no offset is computed."""
        opened(account, environment(schedule=OFFICE_HOURS))
        up, down = account.armed()["demo-up"], account.armed()["demo-down"]
        for armed, name, machine in ((up, "up", WAKE_MACHINE), (down, "down", SLEEP_MACHINE)):
            assert armed["GroupName"] == SCHEDULES.office_hours_group
            assert armed["ScheduleExpression"] == OFFICE_HOURS[name]
            assert armed["ScheduleExpressionTimezone"] == "Europe/Berlin"
            assert armed["FlexibleTimeWindow"] == {"Mode": "OFF"}
            assert "EndDate" not in armed
            target = armed["Target"]
            assert (target["Arn"], target["RoleArn"]) == (machine, SCHEDULES.office_hours_role_arn)
            assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600
            assert target["DeadLetterConfig"] == {"Arn": SCHEDULES.dead_letters_arn}
            content = json.loads(target["Input"])
            moment = "<aws.scheduler.scheduled-time>"
            assert content["intent"] == {"id": f"{name} {moment}", "at": moment}

    def test_a_down_that_deletes_keeps_the_schedule(self, account: BivouacAccount) -> None:
        opened(account, environment(schedule={**OFFICE_HOURS, "downAction": "delete"}))
        target = account.armed()["demo-down"]["Target"]
        assert target["Arn"] == DELETE_MACHINE
        assert json.loads(target["Input"])["keepSchedule"] is True

    def test_a_later_request_changes_or_removes_office_hours(self, account: BivouacAccount) -> None:
        opened(account, environment(schedule=OFFICE_HOURS))
        account.records.finish("demo", 1, Status.READY)
        later = {**OFFICE_HOURS, "up": "cron(30 9 * * ? *)"}
        opened(account, environment(schedule=later), "second")
        assert account.armed()["demo-up"]["ScheduleExpression"] == later["up"]
        account.records.finish("demo", 2, Status.READY)
        opened(account, who="third")
        assert sorted(account.armed()) == ["demo-expiry", "demo-warning"]

    def test_an_environment_that_starts_on_schedule_has_only_its_schedules(
        self, account: BivouacAccount
    ) -> None:
        answer = opened(account, environment(schedule={**OFFICE_HOURS, "begin": "up"}))
        assert answer["status"] == "SCHEDULED"
        assert sorted(account.armed()) == ["demo-down", "demo-expiry", "demo-up", "demo-warning"]
        assert account.record().status is Status.SCHEDULED
        assert account.changes == []

    def test_its_first_up_creates_it_and_keeps_its_lease(self, account: BivouacAccount) -> None:
        request = environment(schedule={**OFFICE_HOURS, "begin": "up"})
        scheduled = opened(account, request)
        account.pass_time(3600)
        answer = woken(account, request)
        assert (answer["status"], answer["fresh"]) == ("OPEN", True)
        assert answer["expiresAt"] == scheduled["output"]["expiresAt"]

    def test_an_up_that_waited_for_a_manual_deletion_creates_nothing(
        self, account: BivouacAccount
    ) -> None:
        """It was planned while that ran; planned once more, it is refused, like any up after it."""
        request = environment()
        account.holds(account.planned(request), status=Status.DELETED)
        assert woken(account, request)["status"] == "CHANGED"

    def test_nothing_wakes_after_the_end_of_the_lease(self, account: BivouacAccount) -> None:
        """Nothing lives for ever: an environment whose expiry is due is not started again."""
        request = environment(lease={"ttl": "1h"}, schedule=OFFICE_HOURS)
        opened(account, request)
        account.records.finish("demo", 1, Status.ASLEEP)
        account.pass_time(3600)
        account.forget_calls()
        answer = woken(account, request)
        because = answer["output"]["because"]
        assert (answer["status"], because[:18]) == ("OUTDATED", "its lease ended at")
        assert account.mutating_calls == []

    def test_a_redeploy_never_shortens_an_extended_lease(self, account: BivouacAccount) -> None:
        request = environment(lease={"ttl": "2h", "maxTtl": "3d"})
        account.holds(account.planned(request), status=Status.READY, expires_at=FAR)
        instruction = account.instruction(request) | {"verb": "REDEPLOY", "basedOn": 1}
        answer = opened(account, request, "second", instruction=instruction)
        assert answer["expiresAt"] == FAR

    def test_a_kill_before_the_schedules_leaves_the_old_expiry(
        self, account: BivouacAccount
    ) -> None:
        """The old expiry fires, is outdated, and arms the current one."""
        first = opened(account)
        account.records.finish("demo", 1, Status.READY)
        account.pass_time(3600)
        with (
            mock.patch.object(type(account.schedules), "arm", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            opened(account, who="second")
        record = account.record()
        assert record.expires_at > first["expiresAt"]
        account.records.finish("demo", 2, Status.READY)
        account.pass_time(7 * 3600)
        fired = json.loads(schedule(account)["Target"]["Input"])
        account.schedules.disarm("demo")
        closed = account.invoke("close_environment", account.machine_input(fired, "expiry"))
        assert closed["status"] == "OUTDATED"
        armed = schedule(account)["ScheduleExpression"]
        assert armed == f"at({record.expires_at.removesuffix('Z')})"


class TestOnFailure:
    """It applies until the first READY."""

    @pytest.mark.parametrize("verb", ["CREATE", "REDEPLOY", "WAKE"])
    @pytest.mark.parametrize("wanted", ["delete", "keep"])
    @pytest.mark.parametrize("before", [Status.FAILED, Status.CREATING])
    def test_an_execution_that_takes_over_from_a_first_create_inherits_on_failure(
        self, account: BivouacAccount, verb: str, wanted: str, before: Status
    ) -> None:
        """A push or an up: a failure is handled as in the first create."""
        request = environment(onFailure=wanted)
        account.holds(account.planned(request), status=before)
        instruction = account.instruction(request) | {"verb": verb, "basedOn": 1}
        answer = opened(account, request, "second", instruction=instruction)
        assert answer["onFailure"] == wanted
        assert answer["keepSchedule"] is (verb == "WAKE"), "its next up creates it anew"

    @pytest.mark.parametrize("verb", ["CREATE", "REDEPLOY", "WAKE", "ROLL_BACK"])
    @pytest.mark.parametrize("before", [Status.READY, Status.DEGRADED, Status.FAILED])
    def test_a_proven_environment_is_kept(
        self, account: BivouacAccount, verb: str, before: Status
    ) -> None:
        proven(account)
        account.holds(account.planned(environment()), generation=2, status=before)
        instruction = account.instruction(environment(owner="b")) | {"verb": verb, "basedOn": 2}
        for _ in range(2):  # a repetition by the same execution answers the same
            answer = opened(account, who="second", instruction=instruction)
            assert answer["onFailure"] == "keep"

    def test_after_a_deletion_on_failure_applies_again(self, account: BivouacAccount) -> None:
        proven(account)
        account.records.finish("demo", 1, Status.DELETED)
        assert opened(account, who="second")["onFailure"] == "delete"


def proven(account: BivouacAccount) -> None:
    opened(account)
    account.records.finish("demo", 1, Status.READY)


class TestDeletionsThatNobodyMeant:
    """A create that was requested before they closed the environment, and opens it after them."""

    @pytest.mark.parametrize(
        ("before", "follow_up"),
        [
            (Status.FAILED, {"generation": 1, "reason": "create failed"}),
            (Status.CREATING, {"generation": 1, "reason": "create failed"}),
            (Status.DELETING, {"generation": 1, "reason": "once more"}),
            (Status.READY, {"expiresAt": FAR, "reason": "lease expired"}),
            (Status.FAILED, {"expiresAt": FAR, "reason": "lease expired"}),
            (Status.READY, {"expiresAt": "9999-12-31T23:59:59Z"}),
        ],
    )
    def test_the_create_waits_for_them_and_creates(
        self, account: BivouacAccount, before: Status, follow_up: dict[str, Any]
    ) -> None:
        account.holds(account.planned(environment()), status=before, expires_at=FAR)
        create = account.instruction(environment(owner="b"), "b")
        account.pass_time(1)
        deletion = account.start_execution("follow-up", DELETE_MACHINE)
        closing = account.machine_input({"environment": "demo", **follow_up}, deletion)
        closed = account.invoke("close_environment", closing)
        assert closed["status"] == ("CLOSED" if before is Status.READY else "SETTLE")

        asked: dict[str, Any] = {"request": environment(owner="b"), "who": "b"}
        asked["instruction"] = create
        assert opened(account, **asked)["status"] == "WAIT"
        account.records.finish("demo", 2, Status.DELETED)
        account.client("stepfunctions").stop_execution(executionArn=deletion)
        assert opened(account, **asked)["status"] == "OPEN"  # whatever end the deletion named


class TestRest:
    """A create that was meant before the environment was put to sleep, and arrives after it."""

    @pytest.mark.parametrize(
        ("status", "expected"), [(Status.ASLEEP, "KEPT"), (Status.SCHEDULED, "SCHEDULED")]
    )
    def test_the_request_is_kept_for_the_next_up(
        self, account: BivouacAccount, status: Status, expected: str
    ) -> None:
        create = account.instruction(environment(owner="b", schedule=OFFICE_HOURS))
        account.pass_time(1)
        rest = {POWER: Intent(account.now(), "down")}
        planned = account.planned(environment(schedule=OFFICE_HOURS))
        account.holds(planned, status=status, intents=rest)
        wanted = environment(owner="b", schedule=OFFICE_HOURS)
        assert opened(account, wanted, "b", instruction=create)["status"] == expected
        record = account.record()
        assert (record.status, record.requested["owner"]) == (status, "b")

    @pytest.mark.parametrize("status", [Status.ASLEEP, Status.SCHEDULED])
    def test_a_create_meant_later_runs(self, account: BivouacAccount, status: Status) -> None:
        rest = {POWER: Intent(account.now() - timedelta(minutes=1), "down")}
        planned = account.planned(environment(schedule=OFFICE_HOURS))
        account.holds(planned, status=status, intents=rest)
        assert opened(account, environment(schedule=OFFICE_HOURS), "b")["status"] == "OPEN"

    def test_without_a_future_up_it_is_created_at_once(self, account: BivouacAccount) -> None:
        create = account.instruction(environment())
        account.pass_time(1)
        rest = {POWER: Intent(account.now(), "down")}
        planned = account.planned(environment(schedule=OFFICE_HOURS))
        account.holds(planned, status=Status.SCHEDULED, intents=rest)
        assert opened(account, who="b", instruction=create)["status"] == "OPEN"


class TestRedeploys:
    def given(self, account: BivouacAccount, known: dict[str, Any]) -> dict[str, Any]:
        """A create whose plan has these changes."""
        return {**account.instruction(environment()), "changes": known}

    def test_a_change_since_the_plan_is_planned(self, account: BivouacAccount) -> None:
        meant = {"id": "push", "at": times.timestamp(account.now() + timedelta(minutes=1))}
        (made,) = newest({}, [Change("web", Intent.from_json(meant))]).values()
        planned = account.planned(environment())
        account.holds(planned, status=Status.READY, changes={"web": made})
        late = opened(account, instruction=self.given(account, {}))
        assert late["status"] == "CHANGED"
        known = self.given(account, to_json({"web": made}))
        assert opened(account, instruction=known)["status"] == "OPEN"

    @pytest.mark.parametrize(
        ("status", "expected"), [(Status.ASLEEP, "KEPT"), (Status.SCHEDULED, "SCHEDULED")]
    )
    def test_a_change_of_a_sleeping_environment_is_kept(
        self, account: BivouacAccount, status: Status, expected: str
    ) -> None:
        account.holds(account.planned(environment()), status=status)
        instruction = {**account.instruction(environment()), "verb": "REDEPLOY", "basedOn": 1}
        answer = opened(account, instruction=instruction)
        assert (answer["status"], answer["output"]["generation"]) == (expected, 2)
        assert answer["output"]["status"] == status
        assert account.record().status is status
        assert account.changes == []
