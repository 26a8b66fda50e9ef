"""Follow up execution: records, publishes and deletes what a stopped execution leaves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bivouac.environment import naming
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb
from bivouac.environment.lease import Extension
from bivouac.environment.record import Status, packed
from bivouac.environment.service_changes import Change
from bivouac.errors import AccessDeniedError, UnansweredRequestError
from bivouac.sweep.start_follow_up import FollowUp
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    EXTEND_MACHINE,
    REDEPLOY_MACHINE,
    SLEEP_MACHINE,
    WAKE_MACHINE,
    BivouacAccount,
    execution,
)
from tests.functional.machines import FunctionKilledError
from tests.requests import environment

NAMED = {"name": "demo", "services": []}
AFTER_FIRST = naming.execution_after(execution("first"), "failed")


def ended(
    who: str = "first", status: str = "ABORTED", content: Any = NAMED, **detail: Any
) -> dict[str, Any]:
    """As EventBridge delivers it."""
    arn = who if who.startswith("arn:") else execution(who)
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": arn,
            "stateMachineArn": arn.rpartition(":")[0].replace(":execution:", ":stateMachine:"),
            "status": status,
            "input": json.dumps(content),
            "inputDetails": {"included": True},
            "error": None,
            "cause": None,
            **detail,
        },
    }


def followed(account: BivouacAccount, event: dict[str, Any]) -> dict[str, Any]:
    return account.invoke("follow_up_execution", event)


def deletions(account: BivouacAccount) -> list[str]:
    client = account.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=DELETE_MACHINE)["executions"]
    return [each["name"] for each in listed]


@pytest.fixture
def account(account: BivouacAccount) -> BivouacAccount:
    """With an unrelated deletion."""
    account.start_execution("of-another", DELETE_MACHINE)
    return account


@pytest.fixture
def machines(account: BivouacAccount) -> BivouacAccount:
    """Everything that an event or a schedule can start."""
    for machine in (CREATE_MACHINE, REDEPLOY_MACHINE, SLEEP_MACHINE, WAKE_MACHINE, EXTEND_MACHINE):
        account.start_execution("of-another", machine)
    return account


@pytest.fixture
def held(account: BivouacAccount) -> BivouacAccount:
    account.holds(account.planned(environment()))
    return account


def status_of(account: BivouacAccount) -> Status:
    return account.record().status


def test_a_stopped_create_is_published_and_deleted(held: BivouacAccount) -> None:
    """W13."""
    answer = followed(held, ended())
    assert (answer["status"], answer["started"]) == ("FOLLOWED_UP", AFTER_FIRST)
    assert status_of(held) is Status.FAILED
    assert AFTER_FIRST in deletions(held)
    ((kind, detail),) = held.published
    assert kind == "EnvironmentFailed"
    assert detail["diagnosis"]["error"] == "ABORTED"


def test_a_repetition_changes_nothing(held: BivouacAccount) -> None:
    """W01, W05: a repeated publication is the same event."""
    followed(held, ended())
    followed(held, ended())
    assert deletions(held).count(AFTER_FIRST) == 1
    assert len({detail["id"] for _, detail in held.published}) == 1


def test_the_last_function_of_a_stopped_create_is_awaited(held: BivouacAccount) -> None:
    """W13: by the execution that opens the environment next."""
    followed(held, ended())
    assert held.record().settle


def test_a_stopped_create_that_keeps_failures_is_only_published(account: BivouacAccount) -> None:
    account.holds(account.planned(environment(onFailure="keep")))
    assert followed(account, ended(status="TIMED_OUT"))["started"] is None
    assert status_of(account) is Status.FAILED
    assert deletions(account) == ["of-another"]
    assert [kind for kind, _ in account.published] == ["EnvironmentFailed"]


def test_a_stopped_redeploy_deletes_nothing(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    account.records.finish("demo", 1, Status.READY)
    account.holds(account.planned(environment()), generation=2, verb=Verb.REDEPLOY)
    followed(account, ended(content={"redeploy": {"environment": "demo"}}))
    assert status_of(account) is Status.FAILED
    assert deletions(account) == ["of-another"]


def test_a_dead_deletion_is_started_again(account: BivouacAccount) -> None:
    arn = f"{DELETE_MACHINE.replace(':stateMachine:', ':execution:')}:mine"
    account.holds(account.planned(environment()), status=Status.DELETING, execution=arn)
    followed(account, ended(arn, content={"environment": "demo"}))
    assert naming.following_execution("demo", 1, arn, "again") in deletions(account)
    assert status_of(account) is Status.DELETING


def test_a_timed_out_redeploy_is_rolled_back(account: BivouacAccount) -> None:
    redeploy = f"{REDEPLOY_MACHINE.replace(':stateMachine:', ':execution:')}:mine"
    digest = hashlib.sha256(redeploy.encode()).hexdigest()
    before = {"name": "demo", "services": [{"serviceName": "web", "image": "old"}]}
    account.start_execution("of-another", CREATE_MACHINE)
    account.holds(account.planned(environment()), base_request=packed(before))
    account.records.finish("demo", 1, Status.READY)
    account.holds(
        account.planned(environment()),
        generation=2,
        verb=Verb.REDEPLOY,
        execution=execution(f"redeploy-{digest}"),
        status=Status.FAILED,
    )
    asked = {"environment": "demo", "services": []}
    answer = followed(account, ended(redeploy, "TIMED_OUT", asked))
    assert answer["started"] == f"roll-back-{digest}"
    client = account.client("stepfunctions")
    found = client.describe_execution(executionArn=execution(f"roll-back-{digest}"))
    known = {"environment": "demo", "generation": 2}
    assert json.loads(found["input"]) == {"rollBack": known}
    assert deletions(account) == ["of-another"]


@pytest.mark.parametrize("content", [{}, {"name": "another"}, {"name": "demo", "x": [1]}])
def test_the_record_decides_and_not_the_input(
    held: BivouacAccount, content: dict[str, Any]
) -> None:
    held.holds(held.planned(environment(name="another")), execution=execution("of-another"))
    assert followed(held, ended(content=content))["environment"] == "demo"


def test_an_input_too_large_for_the_event_is_not_needed(held: BivouacAccount) -> None:
    event = ended(input=None, inputDetails={"included": False})
    assert followed(held, event)["environment"] == "demo"


def test_a_late_event_changes_nothing(held: BivouacAccount) -> None:
    """W01: another execution holds the environment."""
    held.holds(held.planned(environment()), generation=2, execution=execution("second"))
    held.forget_calls()
    assert followed(held, ended())["status"] == "NOTHING_TO_DO"
    assert held.mutating_calls == []


def test_an_execution_that_never_held_an_environment_leaves_nothing(
    account: BivouacAccount,
) -> None:
    account.forget_calls()
    assert followed(account, ended(status="FAILED"))["status"] == "NOTHING_TO_DO"
    assert account.mutating_calls == []


class TestUnanswered:
    """Nobody reads how an execution ends that an event or a schedule started."""

    INTENT: ClassVar = {"id": "down 2026-01-31T12:00:00Z", "at": "2026-01-31T12:00:00Z"}
    OF_CI: ClassVar = {"id": "1", "at": "2026-01-31T12:00:00Z"}
    CAUSE = "1 problem in the request:\n- lease.ttl: 8d is more than 7d"

    def refused(self, error: str = "InvalidRequestError", **content: Any) -> dict[str, Any]:
        return ended(status="FAILED", content={**NAMED, **content}, error=error, cause=self.CAUSE)

    @pytest.mark.parametrize(
        "error",
        [
            "InvalidRequestError",
            "EnvironmentNotFoundError",
            "ForeignResourceError",
            "NotDeletedError",
            "LeaseChangedError",
        ],
    )
    def test_a_refusal_is_raised_with_its_reason(self, account: BivouacAccount, error: str) -> None:
        with pytest.raises(UnansweredRequestError) as raised:
            followed(account, self.refused(error, intent=self.INTENT))
        assert str(raised.value) == f"first: {error}: {self.CAUSE}"

    def test_a_refusal_of_a_manual_start_is_not_raised(self, account: BivouacAccount) -> None:
        assert followed(account, self.refused())["status"] == "NOTHING_TO_DO"

    @pytest.mark.parametrize("how", ["refused", "broken"])
    def test_a_refusal_of_a_pipelines_start_is_not_raised(
        self, machines: BivouacAccount, how: str
    ) -> None:
        """It starts the execution, waits for its end, and decides itself whether to retry."""
        given = self.refused(intent=self.OF_CI)
        if how == "broken":
            given = ended(status="TIMED_OUT", content={**NAMED, "intent": self.OF_CI})
        machines.forget_calls()
        assert followed(machines, given)["status"] == "NOTHING_TO_DO"
        assert machines.mutating_calls == []

    @pytest.mark.parametrize("verb", ["create", "redeploy", "delete", "extend"])
    @pytest.mark.parametrize("taken", [False, True])
    def test_an_events_execution_is_recognised_by_its_name(
        self, machines: BivouacAccount, verb: str, taken: bool
    ) -> None:
        name = naming.requested_execution("e" * 40, verb, "event-1")
        name = naming.another_execution(name) if taken else name
        given = ended(name, "TIMED_OUT", content={**NAMED, "intent": self.OF_CI})
        again = followed(machines, given)
        assert again["status"] == "RETRIED"
        given = ended(again["started"], "TIMED_OUT", content={**NAMED, "intent": self.OF_CI})
        with pytest.raises(UnansweredRequestError):
            followed(machines, given)

    def test_a_refused_execution_that_holds_the_environment_is_followed_up(
        self, held: BivouacAccount
    ) -> None:
        """It was refused while it was opening the environment, after the record was written."""
        answer = followed(held, self.refused("ForeignResourceError", intent=self.INTENT))
        assert (answer["status"], answer["started"]) == ("FOLLOWED_UP", AFTER_FIRST)
        assert [kind for kind, _ in held.published] == ["EnvironmentFailed"]

    def test_a_failure_after_the_opening_is_not_raised_here(self, held: BivouacAccount) -> None:
        self.follows(held, {LIFECYCLE: self.LATER})
        failed = self.refused("DeploymentFailedError", intent=self.INTENT)
        assert followed(held, failed)["status"] == "NOTHING_TO_DO"

    # --- it broke before it took anything -------------------------------------------------------

    NOW: ClassVar = Intent.from_json(INTENT)
    EARLIER: ClassVar = replace(NOW, at=NOW.at - timedelta(minutes=1))
    LATER: ClassVar = replace(NOW, at=NOW.at + timedelta(minutes=1))
    ENDS: ClassVar = [
        {"status": "FAILED", "error": "Runtime.ExitError", "cause": "it crashed"},
        {"status": "FAILED", "error": "Lambda.TooManyRequestsException", "cause": "Rate Exceeded."},
        {"status": "FAILED", "error": "ThrottledError", "cause": "record of demo: slow down"},
        {"status": "TIMED_OUT"},
    ]
    ASKED: ClassVar[dict[str, tuple[dict[str, Any], str]]] = {
        "create-environment": ({**NAMED}, LIFECYCLE),
        "delete-environment": ({"environment": "demo", "reason": "CI"}, LIFECYCLE),
        "sleep-environment": ({"environment": "demo"}, POWER),
        "wake-environment": ({"environment": "demo"}, POWER),
    }

    def follows(self, account: BivouacAccount, intents: Any, **changes: Any) -> None:
        account.holds(
            account.planned(environment()),
            generation=2,
            status=Status.READY,
            execution=execution("another"),
            intents=intents,
            **changes,
        )

    def broke(self, machine: str, content: Any, **how: Any) -> dict[str, Any]:
        arn = execution("mine").replace("create-environment", machine)
        return ended(arn, content={**content, "intent": self.INTENT}, **how)

    def put_again(self, account: BivouacAccount, event: dict[str, Any]) -> dict[str, Any]:
        """The input of the execution with which it is started once more."""
        answer = followed(account, event)
        assert answer["status"] == "RETRIED"
        machine = event["detail"]["stateMachineArn"]
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{answer['started']}"
        described = account.client("stepfunctions").describe_execution(executionArn=arn)
        content: dict[str, Any] = json.loads(described["input"])
        return content

    @pytest.mark.parametrize("how", ENDS, ids=lambda how: how.get("error", how["status"]))
    @pytest.mark.parametrize("machine", ASKED)
    def test_an_execution_that_broke_before_it_took_effect_is_started_once_more(
        self, machines: BivouacAccount, machine: str, how: dict[str, str]
    ) -> None:
        content, matter = self.ASKED[machine]
        self.follows(machines, {matter: self.EARLIER})
        event = self.broke(machine, content, **how)
        assert self.put_again(machines, event) == {**content, "intent": self.INTENT}
        assert self.put_again(machines, event) == {**content, "intent": self.INTENT}, "W05"

    @pytest.mark.parametrize("machine", ASKED)
    @pytest.mark.parametrize("how", [*ENDS, {"status": "ABORTED"}])
    def test_an_execution_that_broke_twice_or_was_stopped_is_raised(
        self, machines: BivouacAccount, machine: str, how: dict[str, str]
    ) -> None:
        """Somebody must look at it: it is with the undelivered events."""
        content, matter = self.ASKED[machine]
        self.follows(machines, {matter: self.EARLIER})
        event = self.broke(machine, content, **how)
        if how["status"] != "ABORTED":
            arn, _, _ = event["detail"]["executionArn"].rpartition(":")
            second = f"{arn}:{followed(machines, event)['started']}"
            event = {**event, "detail": {**event["detail"], "executionArn": second}}
        with pytest.raises(UnansweredRequestError, match=how.get("error")):
            followed(machines, event)

    @pytest.mark.parametrize("machine", ASKED)
    @pytest.mark.parametrize("known", [NOW, LATER])
    def test_a_followed_or_overtaken_execution_is_not_started_again(
        self, account: BivouacAccount, machine: str, known: Intent
    ) -> None:
        content, matter = self.ASKED[machine]
        self.follows(account, {matter: known})
        event = self.broke(machine, content, status="FAILED", error="Runtime.ExitError")
        assert followed(account, event)["status"] == "NOTHING_TO_DO"

    def test_a_down_that_deletes_took_effect_once_a_power_intent_is_newer(
        self, account: BivouacAccount
    ) -> None:
        content = {"environment": "demo", "keepSchedule": True}
        self.follows(account, {POWER: self.EARLIER})
        self.put_again(account, self.broke("delete-environment", content, status="TIMED_OUT"))
        self.follows(account, {POWER: self.LATER})
        event = self.broke("delete-environment", content, status="TIMED_OUT")
        assert followed(account, event)["status"] == "NOTHING_TO_DO"

    def test_a_redeploy_took_effect_once_its_services_have_the_change(
        self, machines: BivouacAccount
    ) -> None:
        content = {"environment": "demo", "services": [{"serviceName": "web", "image": "nginx:2"}]}
        account = machines
        event = self.broke("redeploy-environment", content, status="TIMED_OUT")
        self.follows(account, {LIFECYCLE: self.EARLIER})
        self.put_again(account, event)
        change = Change("web", self.NOW, "nginx:2")
        for void in (False, True):  # or it was rolled back
            self.follows(
                account, {LIFECYCLE: self.EARLIER}, changes={"web": (replace(change, void=void),)}
            )
            assert followed(account, event)["status"] == "NOTHING_TO_DO"
        self.follows(account, {LIFECYCLE: self.LATER})
        assert followed(account, event)["status"] == "NOTHING_TO_DO", "its environment is another"

    def test_an_extension_took_effect_once_the_lease_has_it(self, account: BivouacAccount) -> None:
        event = self.broke("extend-lease", {"environment": "demo", "ttl": "8h"}, status="ABORTED")
        self.follows(account, {LIFECYCLE: self.EARLIER})
        with pytest.raises(UnansweredRequestError):
            followed(account, event)
        record = account.record()
        account.records.extend(record, record.expires_at, Extension(self.NOW.at, 8 * 3600))
        assert followed(account, event)["status"] == "NOTHING_TO_DO"

    def test_an_input_too_large_for_the_event_is_read(self, account: BivouacAccount) -> None:
        account.start_execution("of-another")
        client = account.client("stepfunctions")
        content = json.dumps({**NAMED, "intent": self.INTENT})
        arn = client.start_execution(stateMachineArn=CREATE_MACHINE, name="big", input=content)
        event = ended(
            arn["executionArn"], "TIMED_OUT", input=None, inputDetails={"included": False}
        )
        assert self.put_again(account, event) == json.loads(content)


def test_an_execution_that_takes_over_meanwhile_is_left_alone(
    held: BivouacAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W17: the write has the condition, not only the read before it."""
    before = held.records.find("demo")
    held.holds(held.planned(environment()), generation=2, execution=execution("second"))
    monkeypatch.setattr(FollowUp, "held_by", lambda *_: before)
    assert followed(held, ended())["status"] == "NOTHING_TO_DO"
    assert status_of(held) is Status.CREATING
    assert deletions(held) == ["of-another"]


def unheard(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    def refused(*_: Any) -> None:
        raise error

    patch.setattr("bivouac.aws.event_bus.EventBus.publish", refused)


def test_a_failure_that_cannot_be_published_is_still_deleted_and_the_sweep_publishes_it(
    held: BivouacAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unheard(patch, AccessDeniedError("no"))
        assert followed(held, ended())["started"] == AFTER_FIRST
    assert status_of(held) is Status.FAILED
    held.forget_calls()

    held.invoke("sweep_environments", {"dryRun": False})

    assert "EnvironmentFailed" in [kind for kind, _ in held.published]


def test_a_kill_between_recording_and_publishing_is_repaired_by_the_next_try(
    held: BivouacAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unheard(patch, FunctionKilledError())
        with pytest.raises(FunctionKilledError):
            followed(held, ended())
    assert status_of(held) is Status.FAILED

    followed(held, ended())
    followed(held, ended())

    assert [kind for kind, _ in held.published] == ["EnvironmentFailed"]
    assert AFTER_FIRST in deletions(held)


class TestRecordedAtTheEnd:
    """The execution ended without success after its last step had recorded the result."""

    def test_ready_is_published_and_stays(self, held: BivouacAccount) -> None:
        held.records.finish("demo", 1, Status.READY)
        held.forget_calls()
        followed(held, ended(status="FAILED", error="Runtime.ExitError"))
        assert [kind for kind, _ in held.published] == ["EnvironmentReady"]
        assert status_of(held) is Status.READY
        assert deletions(held) == ["of-another"]

    def test_a_bad_change_goes_back_to_what_was_proven(self, account: BivouacAccount) -> None:
        account.start_execution("of-another", CREATE_MACHINE)
        before = {"name": "demo", "services": [{"serviceName": "web", "image": "old"}]}
        account.holds(account.planned(environment()), base_request=packed(before))
        account.records.finish("demo", 1, Status.READY)
        account.holds(account.planned(environment()), generation=2, status=Status.FAILED)
        answer = followed(account, ended(status="FAILED", error="DeploymentFailedError"))
        back = naming.following_execution("demo", 2, execution("first"), "back")
        assert answer["started"] == back
        assert deletions(account) == ["of-another"]
