"""Close environment: from now on no earlier create creates anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest import mock

import pytest
from close_environment import close_environment

from bivouac import errors
from bivouac.environment.intents import LIFECYCLE, POWER, Intent
from bivouac.environment.record import Status
from bivouac.environment.wait_times import ANOTHER_EXECUTION
from tests.functional.account import (
    DELETE_MACHINE,
    SETTLE_SECONDS,
    BivouacAccount,
    execution,
    started_at,
)
from tests.requests import environment

EXPIRES = "2030-01-01T00:00:00Z"
FAR_AHEAD = "9999-12-31T23:59:59Z"


def closed(account: BivouacAccount, request: Any = None, who: str = "deletion") -> dict[str, Any]:
    asked = {"environment": "demo"} if request is None else request
    holder = account.holder(who if who.startswith("arn:") else execution(who))
    event = {
        "request": asked,
        "execution": holder.execution,
        "startedAt": started_at(account),
    }
    return close_environment(event, account.now(), holder, account.schedules)


def held(account: BivouacAccount, status: Status = Status.READY, **changes: Any) -> None:
    account.holds(account.planned(environment()), status=status, **changes)
    account.forget_calls()


def found(account: BivouacAccount) -> tuple[int, Status, str]:
    record = account.record()
    return record.generation, record.status, record.execution.rpartition(":")[2]


def test_closing_raises_the_generation_and_begins_an_empty_receipt(
    account: BivouacAccount,
) -> None:
    """W17: every create of an earlier generation is fenced off."""
    held(account)
    answer = closed(account)
    assert (answer["status"], answer["generation"]) == ("CLOSED", 2)
    assert answer["services"]["items"] == []
    assert answer["lastCheck"] == {"rounds": 0}
    assert found(account) == (2, Status.DELETING, "deletion")
    with pytest.raises(errors.SupersededError):
        account.records.current("demo", 1)


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    held(account)
    event = account.machine_input({"environment": "demo"}, "deletion")
    assert account.invoke("close_environment", event)["status"] == "CLOSED"


def test_a_repetition_by_the_same_execution_goes_on(account: BivouacAccount) -> None:
    """S21: the answer was lost."""
    held(account)
    closed(account)
    account.forget_calls()
    assert closed(account)["generation"] == 2
    assert account.mutating_calls == []


def test_a_running_create_is_stopped_and_its_last_function_awaited(
    account: BivouacAccount,
) -> None:
    """W13, W18: delete during create wins."""
    running = account.start_execution("running")
    held(account, Status.CREATING, execution=running)
    answer = closed(account)
    assert (answer["status"], answer["waitSeconds"]) == ("SETTLE", SETTLE_SECONDS)
    assert (answer["generation"], answer["services"]["items"]) == (2, [])
    described = account.client("stepfunctions").describe_execution(executionArn=running)
    assert described["status"] == "ABORTED"


def test_the_wait_survives_a_kill_before_the_answer(
    account: BivouacAccount,
) -> None:
    """W13."""
    held(account, Status.CREATING, execution=account.start_execution("running"))
    closed(account)
    assert closed(account)["status"] == "SETTLE"


def test_the_last_function_of_a_create_stopped_by_hand_is_awaited(
    account: BivouacAccount,
) -> None:
    """W13: StopExecution ends no function."""
    held(account, Status.CREATING)
    answer = closed(account)
    assert (answer["status"], answer["waitSeconds"]) == ("SETTLE", SETTLE_SECONDS)


def test_a_second_delete_waits_for_the_first(account: BivouacAccount) -> None:
    """W18."""
    first = account.start_execution("first", DELETE_MACHINE)
    held(account, Status.DELETING, execution=first)
    answer = closed(account, who="second")
    assert (answer["status"], answer["waitSeconds"]) == ("WAIT", ANOTHER_EXECUTION)
    assert account.mutating_calls == []


@pytest.mark.parametrize("status", [Status.DELETED, Status.NOT_DELETED, Status.DELETING])
def test_a_deletion_can_always_be_started_again(account: BivouacAccount, status: Status) -> None:
    """D04, D17: a deletion's leftovers are tried again; a tombstone is checked again."""
    held(account, status)
    answer = closed(account)
    assert answer["status"] == ("SETTLE" if status is Status.DELETING else "CLOSED")
    assert answer["generation"] == 2


@pytest.mark.parametrize(
    "intent",
    [{"generation": 1}, {"expiresAt": "2029-12-31T23:59:59Z"}],
    ids=["a newer create took over", "the lease was extended"],
)
def test_an_outdated_intent_changes_nothing(
    account: BivouacAccount, intent: dict[str, Any]
) -> None:
    """W01, W03, W18: events and schedules arrive late and twice."""
    held(account, generation=2, expires_at=EXPIRES)
    answer = closed(account, {"environment": "demo", **intent})
    assert answer["status"] == "OUTDATED"
    assert answer["output"]["because"]
    assert found(account) == (2, Status.READY, "first")
    assert account.changes == []


def test_an_outdated_expiry_arms_the_current_one(
    account: BivouacAccount,
) -> None:
    """W03: it disappears when it fires, and the extension may have died before it armed its own."""
    held(account, expires_at=EXPIRES)
    closed(account, {"environment": "demo", "expiresAt": "2029-12-31T23:59:59Z"})
    (armed,) = account.armed().values()
    assert armed["ScheduleExpression"] == f"at({EXPIRES.removesuffix('Z')})"


@pytest.mark.parametrize("status", [Status.DELETING, Status.DELETED])
def test_an_outdated_expiry_arms_nothing_for_an_environment_that_is_being_deleted(
    account: BivouacAccount, status: Status
) -> None:
    held(account, status, expires_at=EXPIRES)
    closed(account, {"environment": "demo", "expiresAt": "2029-12-31T23:59:59Z"})
    assert account.armed() == {}


@pytest.mark.parametrize(
    "intent",
    [
        {"generation": 2},
        {"expiresAt": EXPIRES},
        {"expiresAt": "2030-01-01T09:00:00+09:00"},
        {"expiresAt": "2030-01-01T00:15:00Z"},
        {"expiresAt": FAR_AHEAD},
    ],
)
def test_a_current_intent_closes(account: BivouacAccount, intent: dict[str, Any]) -> None:
    """W20: moments are compared, not texts."""
    held(account, generation=2, expires_at=EXPIRES)
    assert closed(account, {"environment": "demo", **intent})["status"] == "CLOSED"


@pytest.mark.parametrize(
    ("status", "relied_on"),
    [
        (Status.READY, True),
        (Status.DELETING, False),
        (Status.NOT_DELETED, False),
        (Status.DELETED, False),
    ],
)
def test_recorded_revisions_are_relied_on_only_by_the_first_deletion(
    account: BivouacAccount, status: Status, relied_on: bool
) -> None:
    """T12: afterwards only reading tells what exists."""
    held(account, status)
    assert closed(account)["recorded"] is relied_on


@pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED])
def test_recorded_revisions_are_relied_on_after_waiting_for_running_steps(
    account: BivouacAccount, status: Status
) -> None:
    held(account, status)
    answer = closed(account)
    assert (answer["status"], answer["recorded"]) == ("SETTLE", True)


class TestNeverCreated:
    def test_closing_an_environment_that_never_existed_succeeds(
        self, account: BivouacAccount
    ) -> None:
        """A manual teardown of what another job never created (MapleTechLabs/maple#584)."""
        for _ in range(2):
            answer = closed(account)
            assert (answer["status"], answer["output"]["name"]) == ("NOTHING_THERE", "demo")
            assert "'demo' was ever created" in answer["output"]["because"]
        assert account.records.find("demo") is None
        assert account.records.names() == []

    def test_a_create_meant_before_the_deletion_creates_nothing(
        self, account: BivouacAccount
    ) -> None:
        """W01."""
        meant = {"id": "deleted", "at": started_at(account)}
        closed(account, {"environment": "demo", "intent": meant})
        assert account.records.ended_before(
            account.planned(environment()), None
        ) == Intent.from_json(meant)

    @pytest.mark.parametrize(
        "nobody_meant",
        [
            {"generation": 3},
            {"expiresAt": EXPIRES},
            {"expiresAt": FAR_AHEAD},
            {"keepSchedule": True},
        ],
    )
    def test_a_deletion_without_an_intent_is_not_remembered(
        self, account: BivouacAccount, nobody_meant: dict[str, Any]
    ) -> None:
        answer = closed(account, {"environment": "demo", **nobody_meant})
        assert answer["status"] == "NOTHING_THERE"
        assert account.mutating_calls == []

    def test_an_environment_created_at_the_same_time_is_deleted(
        self, account: BivouacAccount
    ) -> None:
        held(account)
        created = account.records.find("demo")
        with (
            mock.patch.object(type(account.records), "find", side_effect=[None, created]),
            pytest.raises(errors.NotYetConsistentError),
        ):
            closed(account)
        assert closed(account)["status"] == "CLOSED"


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({}, "environment: required, but missing"),
        ({"environment": 5}, "environment: must be a text"),
        ({"environment": "Not A Name"}, "is not an environment name"),
        ({"environment": "demo", "force": True}, "force: unknown field"),
        ({"environment": "demo", "reason": "x" * 1001}, "reason: longer than 1,000 characters"),
        ({"environment": "demo", "generation": "1"}, "generation: must be a number"),
        ({"environment": "demo", "generation": True}, "generation: must be a number"),
        ({"environment": "demo", "expiresAt": "tomorrow"}, "expiresAt: "),
        ({"environment": "demo", "expiresAt": "2030-01-01T00:00:00"}, "has no offset"),
        ({"status": "WAIT"}, "status: unknown field"),
        (
            {"settled": "yes", "recorded": {}, "request": {"environment": "demo"}},
            "settled: unknown field",
        ),
        ({"environment": "demo", "settled": True}, "settled: unknown field"),
        ({"environment": "demo", "recorded": True}, "recorded: unknown field"),
        (
            {"environment": "demo", "intent": {"id": "x", "at": "2099-01-01T00:00:00Z"}},
            "intent.at: 2099-01-01T00:00:00Z is in the future",
        ),
        ([], "must be an object"),
        ("status", "must be an object"),
        (7, "must be an object"),
    ],
)
def test_a_bad_request_is_refused_without_any_call(
    account: BivouacAccount, request_: Any, told: str
) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        closed(account, request_)
    assert any(told in problem for problem in caught.value.problems), caught.value.problems
    assert account.calls == []


def test_all_problems_of_a_request_are_reported_at_once(account: BivouacAccount) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        closed(account, {"environment": "X", "force": 1, "generation": "a", "expiresAt": "b"})
    assert len(caught.value.problems) == 4


def test_the_reason_of_a_failed_create_survives_the_deletion(account: BivouacAccount) -> None:
    """H22: ECS forgets stopped tasks after an hour; the record must not."""
    held(account, Status.CREATING)
    account.records.finish("demo", 1, Status.FAILED, failure={"cause": "the image is not there"})
    closed(account)
    item = account.client("dynamodb").get_item(
        TableName=account.records.table_name, Key={"environment": {"S": "demo"}}
    )["Item"]
    assert item["status"]["S"] == "DELETING"
    assert "the image is not there" in item["failure"]["S"]


class TestNobodyMeantIt:
    """A deletion after a failure or at the end of a lease is nobody's intent."""

    KNOWN: ClassVar = {LIFECYCLE: Intent(datetime(2025, 1, 31, tzinfo=UTC), "the create")}

    @pytest.mark.parametrize(
        "follow_up",
        [
            {"generation": 1},
            {"expiresAt": EXPIRES},
            {"expiresAt": FAR_AHEAD},
            {"generation": 1, "reason": "x"},
        ],
    )
    def test_it_is_not_remembered_as_an_intent(
        self, account: BivouacAccount, follow_up: dict[str, Any]
    ) -> None:
        held(account, Status.READY, expires_at=EXPIRES, intents=self.KNOWN)
        assert closed(account, {"environment": "demo", **follow_up})["status"] == "CLOSED"
        assert account.record().intents == self.KNOWN

    @pytest.mark.parametrize(
        "meant",
        [
            {},
            {"intent": {"id": "who", "at": "2025-02-01T00:00:00Z"}},
            {"generation": 1, "intent": {"id": "who", "at": "2025-02-01T00:00:00Z"}},
        ],
    )
    def test_a_requested_deletion_is_remembered_as_an_intent(
        self, account: BivouacAccount, meant: dict[str, Any]
    ) -> None:
        held(account, Status.READY, intents=self.KNOWN)
        assert closed(account, {"environment": "demo", **meant})["status"] == "CLOSED"
        assert account.record().intents[LIFECYCLE] > self.KNOWN[LIFECYCLE]


class TestAfterAFailure:
    """A failing execution decides on the clean-up, and the record may have newer facts."""

    CLEAN_UP: ClassVar = {"environment": "demo", "generation": 2, "unlessProven": True}

    @pytest.mark.parametrize("status", [Status.READY, Status.FAILED, Status.DEGRADED])
    def test_a_proven_environment_is_left(self, account: BivouacAccount, status: Status) -> None:
        """Its last function died after recording READY."""
        held(account)
        account.records.finish("demo", 1, Status.READY)
        held(account, status, generation=2)
        answer = closed(account, self.CLEAN_UP)
        because = answer["output"]["because"]
        assert (answer["status"], because) == ("OUTDATED", "it was already proven")
        assert found(account) == (2, status, "first")

    def test_an_environment_that_was_never_proven_is_deleted(self, account: BivouacAccount) -> None:
        held(account, Status.FAILED, generation=2)
        assert closed(account, self.CLEAN_UP)["status"] == "SETTLE"
        assert found(account) == (3, Status.DELETING, "deletion")

    def test_a_proof_from_before_a_deletion_does_not_count(self, account: BivouacAccount) -> None:
        held(account)
        account.records.finish("demo", 1, Status.READY)
        account.records.finish("demo", 1, Status.DELETED)
        held(account, Status.FAILED, generation=2)
        assert closed(account, self.CLEAN_UP)["status"] == "SETTLE"
        assert found(account) == (3, Status.DELETING, "deletion")


class TestOfficeHours:
    """A down that deletes keeps the schedule, and is ordered by its intended time."""

    def down(self, account: BivouacAccount, at: datetime) -> dict[str, Any]:
        intent = {"id": "down", "at": at.isoformat()}
        return closed(account, {"environment": "demo", "keepSchedule": True, "intent": intent})

    def test_the_answer_tells_the_receipt_step_to_keep_the_schedule(
        self, account: BivouacAccount
    ) -> None:
        held(account)
        answer = self.down(account, account.now())
        assert (answer["status"], answer["keepSchedule"]) == ("CLOSED", True)

    def test_a_down_does_not_outdate_a_create(self, account: BivouacAccount) -> None:
        held(account)
        at = account.now()
        self.down(account, at)
        assert account.record().intents == {POWER: Intent(at, "down")}

    def test_a_down_meant_before_the_last_up_is_outdated(self, account: BivouacAccount) -> None:
        """W01: it is late, and somebody works in what was woken since."""
        held(account, intents={POWER: Intent(account.now(), "up")})
        answer = self.down(account, account.now() - timedelta(minutes=5))
        assert answer["status"] == "OUTDATED"
        assert account.mutating_calls == []

    @pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DELETED])
    def test_a_down_of_a_missing_environment_is_remembered(
        self, account: BivouacAccount, status: Status
    ) -> None:
        """An up that was meant before it, and arrives after it, creates nothing."""
        held(account, status)
        at = account.now()
        assert self.down(account, at)["status"] == "OUTDATED"
        record = account.record()
        assert (record.status, record.generation) == (status, 1)
        assert record.intents == {POWER: Intent(at, "down")}
