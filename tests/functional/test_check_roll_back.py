"""Check roll back: who has the environment, what was proven, and both failures in one cause."""

from __future__ import annotations

from typing import Any

import pytest
from moto.stepfunctions.models import stepfunctions_backends

from bivouac import errors
from bivouac.commands.rollback import Failure, RollBackOutcome, concluded, not_rolled_back
from bivouac.diagnosis import report
from bivouac.environment.intents import LIFECYCLE, Intent
from bivouac.environment.record import Record, Status, packed
from bivouac.environment.service_changes import from_json
from localcloud.account import ACCOUNT_ID, REGION
from tests.functional.account import CREATE_MACHINE, BivouacAccount, execution
from tests.requests import environment
from tests.template.declared import MACHINES

DIGEST = "ab" * 32
REDEPLOY = f"redeploy-{DIGEST}"
BROKEN = {
    "web": [
        {
            "serviceName": "web",
            "intent": {"id": "push", "at": "2026-01-31T12:00:00+00:00"},
            "image": "nginx:broken",
            "container": None,
            "taskDefinition": None,
            "void": False,
        }
    ]
}
CAUGHT = {"Error": "States.TaskFailed", "Cause": '{"Cause": "cut off'}


def checked(account: BivouacAccount, failed: dict[str, Any] | None = None) -> dict[str, Any]:
    event = {"redeploy": {"environment": "demo"}, "digest": DIGEST, "failed": failed or CAUGHT}
    return account.invoke("check_roll_back", event)


def redeploying(account: BivouacAccount, who: str = REDEPLOY, *, proven: bool = True) -> None:
    """A redeploy to a broken image holds the record of an environment that was proven before."""
    request = packed(environment())
    held = account.holds(
        account.planned(environment()),
        request=request,
        base_request=request,
        execution=execution(who),
    )
    if proven:
        account.records.finish("demo", 1, Status.READY)
    broken = account.planned(environment())
    account.holds(
        broken,
        2,
        status=Status.FAILED,
        base_request=held.base_request,
        request=packed({**environment(), "owner": "changed"}),
        changes=from_json(BROKEN),
        execution=execution(who),
    )


def failed_execution(account: BivouacAccount, name: str, error: str, message: str) -> None:
    arn = account.start_execution(name, CREATE_MACHINE)
    execution = stepfunctions_backends[ACCOUNT_ID][REGION].describe_execution(arn)
    execution.status, execution.error, execution.cause = "FAILED", error, message


@pytest.mark.parametrize("prefix", ["redeploy", "roll-back"])
def test_the_machine_and_the_function_give_its_executions_the_same_name(prefix: str) -> None:
    states = MACHINES["redeploy_environment"].top
    starting = {
        state.body["Parameters"]["Name.$"]
        for state in states.values()
        if "StateMachineArn" in state.body.get("Parameters", {})
    }
    digest = states["Check roll back"].body["Parameters"]["digest.$"]
    assert f"States.Format('{prefix}-{{}}', {digest})" in starting
    assert len(f"{prefix}-{DIGEST}") <= 80


def test_the_last_proven_request_comes_back(account: BivouacAccount) -> None:
    """The cause is the execution's own, because the passed one may have been cut."""
    redeploying(account)
    failed_execution(account, REDEPLOY, "DeploymentFailedError", "web: image pull")
    answer = checked(account)
    assert (answer["status"], answer["environment"], answer["generation"]) == (
        "ROLL_BACK",
        "demo",
        2,
    )
    assert answer["error"] == "DeploymentFailedError"
    assert answer["rolledBackCause"].startswith("web: image pull\n\n")
    assert "proven again" in answer["rolledBackCause"]
    assert "was not rolled back" in answer["cause"]


@pytest.mark.parametrize(
    ("status", "message"), [("TIMED_OUT", "it took longer"), ("ABORTED", "somebody stopped it")]
)
def test_an_execution_that_ended_without_a_cause_is_described_by_its_status(
    account: BivouacAccount, status: str, message: str
) -> None:
    """No error and no cause: tests/recorded/stepfunctions-machine-timeout.json, -stop.json."""
    redeploying(account)
    arn = account.start_execution(REDEPLOY, CREATE_MACHINE)
    stepfunctions_backends[ACCOUNT_ID][REGION].describe_execution(arn).status = status
    answer = checked(account)
    assert answer["error"] == status
    assert answer["rolledBackCause"].startswith(f"the execution {REDEPLOY}: {message}")


def test_without_a_proven_request_there_is_no_rollback(account: BivouacAccount) -> None:
    redeploying(account, proven=False)
    failed_execution(account, REDEPLOY, "DeploymentFailedError", "web: image pull")
    answer = checked(account)
    assert answer["status"] == "NEVER_PROVEN"
    assert "ever proven" in answer["cause"]


def test_a_redeploy_that_was_refused_is_not_rolled_back(account: BivouacAccount) -> None:
    redeploying(account, "another")
    failed_execution(account, REDEPLOY, "InvalidRequestError", "1 problem")
    answer = checked(account)
    assert (answer["status"], answer["error"], answer["cause"]) == (
        "REFUSED",
        "InvalidRequestError",
        "1 problem",
    )


@pytest.mark.parametrize("error", ["StoppedError", "SupersededError"])
def test_a_newer_execution_prevents_the_rollback(account: BivouacAccount, error: str) -> None:
    redeploying(account, "newer")
    failed_execution(account, REDEPLOY, error, "superseded by newer")
    answer = checked(account)
    assert (answer["status"], answer["error"]) == ("SUPERSEDED", "SupersededError")


def test_a_redeploy_stopped_by_hand_is_rolled_back(account: BivouacAccount) -> None:
    """Some of it may be redeployed already."""
    redeploying(account)
    arn = account.start_execution(REDEPLOY, CREATE_MACHINE)
    account.client("stepfunctions").stop_execution(executionArn=arn)
    answer = checked(account)
    assert (answer["status"], answer["error"]) == ("ROLL_BACK", "ABORTED")


def test_a_redeploy_that_never_began_is_not_rolled_back(account: BivouacAccount) -> None:
    denied = {"Error": "StepFunctions.AccessDeniedException", "Cause": "not authorized"}
    answer = checked(account, denied)
    assert (answer["status"], answer["error"]) == ("REFUSED", denied["Error"])
    assert answer["cause"] == "not authorized"


@pytest.mark.parametrize("content", ["nothing", {}, {"environment": 3}, {"environment": ""}])
def test_an_input_without_an_environment_was_refused(account: BivouacAccount, content: Any) -> None:
    failed_execution(account, REDEPLOY, "InvalidRequestError", "1 problem")
    event = {"redeploy": content, "digest": DIGEST, "failed": CAUGHT}
    assert account.invoke("check_roll_back", event)["status"] == "REFUSED"


def test_an_execution_that_still_seems_to_run_is_read_again(account: BivouacAccount) -> None:
    """W06."""
    redeploying(account)
    account.start_execution(REDEPLOY, CREATE_MACHINE)
    with pytest.raises(errors.NotYetConsistentError):
        checked(account)


def test_both_failures_are_in_one_cause(account: BivouacAccount) -> None:
    redeploying(account)
    failed_execution(account, REDEPLOY, "DeploymentFailedError", "web: image pull")
    first = checked(account)
    failed_execution(account, f"roll-back-{DIGEST}", "ConnectivityError", "web: no answer")
    answer = checked(account, {**first, "rollBackFailure": CAUGHT})
    assert (answer["status"], answer["error"]) == ("NOT_ROLLED_BACK", "DeploymentFailedError")
    assert answer["cause"].startswith("web: image pull\n\n")
    assert "ConnectivityError\nweb: no answer" in answer["cause"]


class TestBetweenTwoLives:
    """The event was accepted, then the environment was deleted before the redeploy began."""

    def kept(self, account: BivouacAccount, at: str, status: Status) -> list[str]:
        """The ids of the changes that the record has afterwards."""
        account.holds(
            account.planned(environment()),
            status=status,
            execution=execution("deletion"),
            intents={LIFECYCLE: Intent.from_json({"id": "deleted", "at": "2025-06-01T12:00:00Z"})},
        )
        failed_execution(account, REDEPLOY, "EnvironmentNotFoundError", "it is DELETED")
        services = [{"serviceName": "web", "image": "nginx:2"}]
        meant = {"id": "push", "at": at}
        event = {
            "redeploy": {"environment": "demo", "services": services, "intent": meant},
            "digest": DIGEST,
            "failed": CAUGHT,
        }
        for _ in range(2):
            assert account.invoke("check_roll_back", event)["status"] == "REFUSED"
        record = account.record()
        assert record.status is status
        return [change.intent.id for change in record.changes.get("web", ())]

    @pytest.mark.parametrize("status", [Status.DELETING, Status.DELETED])
    def test_the_change_is_kept_for_the_next_life_if_meant_for_it(
        self, account: BivouacAccount, status: Status
    ) -> None:
        """Its creation is still on the way (W01)."""
        assert self.kept(account, "2025-06-01T13:00:00Z", status) == ["push"]

    def test_the_change_is_not_kept_if_meant_for_the_past_life(
        self, account: BivouacAccount
    ) -> None:
        assert self.kept(account, "2025-06-01T11:00:00Z", Status.DELETED) == []

    def test_the_change_is_not_kept_if_the_environment_exists(
        self, account: BivouacAccount
    ) -> None:
        assert self.kept(account, "2025-06-01T13:00:00Z", Status.READY) == []


class TestConclusions:
    def record(self) -> Record:
        change = from_json(BROKEN)
        return Record(
            environment="demo",
            generation=2,
            status=Status.FAILED,
            execution="arn",
            request_hash="",
            blueprint={},
            expires_at="2030-01-01T00:00:00Z",
            settle=False,
            request=packed({**environment(), "owner": "changed"}),
            base_request=packed(environment()),
            changes=change,
            good_base_request=packed(environment()),
        )

    def test_two_causes_fit_in_one(self) -> None:
        long = "x" * report.LIMIT
        concluding = concluded(self.record(), Failure("arn", "DeploymentFailedError", long))
        assert len(concluding.rolled_back_cause) <= report.LIMIT
        assert concluding.rolled_back_cause.endswith("is proven again.")
        both = not_rolled_back(Failure("a", "First", long), Failure("b", "Second", long)).cause
        assert len(both) <= report.LIMIT
        assert "Second" in both

    def test_a_superseded_rollback_says_so(self) -> None:
        second = Failure("b", "StoppedError", "deleted by another")
        concluding = not_rolled_back(Failure("a", "First", "why"), second)
        assert concluding.outcome is RollBackOutcome.SUPERSEDED
        assert "deleted by another" in concluding.cause
