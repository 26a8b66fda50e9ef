"""Whoever may start executions can take a name for 90 days: Bivouac's executions start anyway."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from moto.stepfunctions.models import StepFunctionBackend

from bivouac import times
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb
from bivouac.environment.record import Status, packed
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
from tests.functional.test_accept_request import event
from tests.functional.test_accept_request import ready as created_at_noon
from tests.functional.test_follow_up_execution import ended
from tests.requests import environment

MACHINES = (
    CREATE_MACHINE,
    DELETE_MACHINE,
    REDEPLOY_MACHINE,
    SLEEP_MACHINE,
    WAKE_MACHINE,
    EXTEND_MACHINE,
)
ANOTHER = packed({"name": "demo", "services": [{"serviceName": "web", "image": "old"}]})


@dataclass
class Somebody:
    """Takes the first name under which something is about to be started, knowing it beforehand."""

    content: str | None
    """The input with which it is taken; None: the same as the real one."""
    taken: list[str] = field(default_factory=list)

    def first(self) -> Any:
        start = StepFunctionBackend.start_execution

        def started(backend: Any, machine: str, name: str, given: str, **more: Any) -> Any:
            if not self.taken:
                content = given if self.content is None else self.content
                self.taken.append(name)
                backend.stop_execution(start(backend, machine, name, content, **more).execution_arn)
            return start(backend, machine, name, given, **more)

        return mock.patch.object(StepFunctionBackend, "start_execution", started)


def inputs(account: BivouacAccount, machine: str) -> dict[str, Any]:
    """The inputs of running executions, by name."""
    client = account.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    described = [client.describe_execution(executionArn=e["executionArn"]) for e in listed]
    return {each["name"]: json.loads(each["input"]) for each in described}


def proven_before(account: BivouacAccount, **changes: Any) -> None:
    account.holds(account.planned(environment()), base_request=ANOTHER)
    account.records.finish("demo", 1, Status.READY)
    account.holds(account.planned(environment()), generation=2, **changes)


def a_create_was_stopped(account: BivouacAccount) -> dict[str, Any]:
    account.holds(account.planned(environment()))
    account.invoke("follow_up_execution", ended())
    return {"reason": "create failed"}


def a_deletion_died(account: BivouacAccount) -> dict[str, Any]:
    arn = execution("mine").replace("create-environment", "delete-environment")
    account.holds(account.planned(environment()), status=Status.DELETING, execution=arn)
    account.invoke("follow_up_execution", ended(arn, content={"environment": "demo"}))
    return {"environment": "demo", "generation": 1}


def a_changed_request_failed(account: BivouacAccount) -> dict[str, Any]:
    proven_before(account, status=Status.FAILED)
    account.invoke("follow_up_execution", ended(status="FAILED", error="DeploymentFailedError"))
    return {"rollBack": {"environment": "demo", "generation": 2}}


def an_up_broke(account: BivouacAccount) -> dict[str, Any]:
    up = {POWER: Intent(account.now(), "up")}
    proven_before(account, verb=Verb.WAKE, intents=up)
    account.invoke("follow_up_execution", ended(status="TIMED_OUT"))
    intent = Intent(account.now(), "up again").to_json()
    return {"wake": {"environment": "demo", "generation": 2, "intent": intent}}


def a_teardown_broke(account: BivouacAccount) -> dict[str, Any]:
    arn = execution("mine").replace("create-environment", "delete-environment")
    asked = {
        "environment": "demo",
        "intent": {"id": "down 2026-01-31T12:00:00Z", "at": "2026-01-31T12:00:00Z"},
    }
    account.holds(account.planned(environment()), execution=execution("another"))
    account.invoke("follow_up_execution", ended(arn, "TIMED_OUT", asked))
    return asked


def a_lease_is_over(account: BivouacAccount) -> dict[str, Any]:
    over = times.timestamp(account.now() - timedelta(minutes=6))
    account.holds(account.planned(environment()), status=Status.READY, expires_at=over)
    account.invoke("sweep_environments", {"dryRun": False})
    return {"environment": "demo", "reason": "lease expired", "expiresAt": over}


def a_create_died_untold(account: BivouacAccount) -> dict[str, Any]:
    account.holds(account.planned(environment()))
    account.invoke("sweep_environments", {"dryRun": False})
    return {"environment": "demo", "generation": 1, "reason": "create failed"}


def a_closing_was_missed(account: BivouacAccount) -> dict[str, Any]:
    named = {"repository": "shop", "number": 7}
    closed = Intent(account.now() - timedelta(minutes=6), "closed")
    account.holds(
        account.planned(environment(triggers={"pullRequest": named})), status=Status.READY
    )
    account.records.remember_closed("shop", 7, closed, account.now())
    account.invoke("sweep_environments", {"dryRun": False})
    return {"environment": "demo", "intent": closed.to_json()}


def asked_for(detail_type: str, **detail: Any) -> Callable[[BivouacAccount], dict[str, Any]]:
    def put(account: BivouacAccount) -> dict[str, Any]:
        created_at_noon(account)
        account.invoke("accept_request", event(detail_type, detail))
        content: dict[str, Any] = detail.get("request", detail)
        return content

    put.__name__ = detail_type
    return put


STORIES: dict[Callable[[BivouacAccount], dict[str, Any]], str] = {
    a_create_was_stopped: DELETE_MACHINE,
    a_deletion_died: DELETE_MACHINE,
    a_changed_request_failed: CREATE_MACHINE,
    an_up_broke: CREATE_MACHINE,
    a_teardown_broke: DELETE_MACHINE,
    a_lease_is_over: DELETE_MACHINE,
    a_create_died_untold: DELETE_MACHINE,
    a_closing_was_missed: DELETE_MACHINE,
    asked_for("EnvironmentRequested", request=environment()): CREATE_MACHINE,
    asked_for("RedeployRequested", environment="demo"): REDEPLOY_MACHINE,
    asked_for("TeardownRequested", environment="demo"): DELETE_MACHINE,
    asked_for("LeaseExtensionRequested", environment="demo", ttl="8h"): EXTEND_MACHINE,
}


@pytest.fixture
def account(account: BivouacAccount) -> BivouacAccount:
    client = account.client("stepfunctions")
    for machine in MACHINES:
        client.stop_execution(executionArn=account.start_execution("of-another", machine))
    return account


@pytest.mark.parametrize("content", ["{}", '{"environment": "another"}', "[1]"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_taken_execution_name_stops_nothing(
    account: BivouacAccount, story: Callable[[BivouacAccount], dict[str, Any]], content: str
) -> None:
    somebody = Somebody(content)

    with somebody.first():
        wanted = story(account)

    ((name, given),) = inputs(account, STORIES[story]).items()
    assert somebody.taken
    assert name not in somebody.taken
    assert wanted.items() <= given.items()


@pytest.mark.parametrize("early", [True, False])
def test_an_execution_with_the_same_input_is_ours_unless_it_began_too_early(
    account: BivouacAccount, early: bool
) -> None:
    """Before the create began it had nothing to delete."""
    account.holds(account.planned(environment()))
    began = datetime.now(UTC) + timedelta(minutes=1 if early else -1)
    told = ended(startDate=int(began.timestamp() * 1000))
    somebody = Somebody(None)

    with somebody.first():
        answer = account.invoke("follow_up_execution", told)

    assert (answer["started"] in somebody.taken) is not early
    assert len(inputs(account, DELETE_MACHINE)) == (1 if early else 0)


def test_a_repeated_event_finds_its_own_execution(account: BivouacAccount) -> None:
    """W05: even if it has ended."""
    created_at_noon(
        account, intents={LIFECYCLE: Intent.from_json({"at": "2025-06-01T12:00:00Z", "id": "c"})}
    )
    given = event("TeardownRequested", {"environment": "demo"})
    (first,) = account.invoke("accept_request", given)["started"]
    client = account.client("stepfunctions")
    arn = f"{DELETE_MACHINE.replace(':stateMachine:', ':execution:')}:{first}"
    client.stop_execution(executionArn=arn)
    assert account.invoke("accept_request", given)["started"] == [first]
    assert inputs(account, DELETE_MACHINE) == {}
