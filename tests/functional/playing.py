"""Plays events on an account: delivered at random, retried if they fail, concurrently.

Everything that decides is the real function: accept_request, check_request, open_environment,
close_environment, extend_lease, check_roll_back. Only the rest is simulated: the deliveries, the
interleaving of concurrent executions, and that an opened environment becomes ready and a closed one
is deleted.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from moto.stepfunctions.models import stepfunctions_backends

from bivouac.environment.record import Record, Status
from bivouac.errors import BivouacError, NotYetConsistentError
from localcloud.account import ACCOUNT_ID, REGION
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    EXTEND_MACHINE,
    REDEPLOY_MACHINE,
    SETTINGS,
    BivouacAccount,
    started_at,
)

Event = dict[str, Any]
Steps = Generator[None, None, Event]
"""An execution: it pauses after each step, and returns its output."""
RETRIES = (60.0, 120.0)
"""Seconds until Lambda retries a failed event (W15)."""
STEP_SECONDS = 0.5
_MACHINES = {
    "create": CREATE_MACHINE,
    "redeploy": REDEPLOY_MACHINE,
    "delete": DELETE_MACHINE,
    "extend": EXTEND_MACHINE,
}
"""By the verb in an execution's name."""


class ExecutionFailedError(Exception):
    def __init__(self, error: str, cause: str) -> None:
        self.error, self.cause = error, cause
        super().__init__(f"{error}: {cause}")


@dataclass
class Execution:
    arn: str
    steps: Steps
    status: str = "RUNNING"
    output: Event = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Delivery:
    due: float
    """On the account's clock."""
    event: Event
    attempt: int = 0


@dataclass
class Player:
    account: BivouacAccount
    chance: random.Random
    executions: dict[str, Execution] = field(default_factory=dict)
    """By ARN, in the order in which they began."""
    dead_letters: list[tuple[Event, str]] = field(default_factory=list)
    """Events that failed three times, and why."""
    changed: list[str] = field(default_factory=list)
    """The ARNs of the executions that took the environment, in order."""

    def __post_init__(self) -> None:
        for machine in _MACHINES.values():
            with suppress(self.account.client("stepfunctions").exceptions.ExecutionAlreadyExists):
                self._backend().stop_execution(self.account.start_execution("of-nobody", machine))

    def play(self, deliveries: Sequence[tuple[float, Event]]) -> None:
        """Delivers each event after its seconds, and runs everything to its end."""
        with _network_in_order():
            self._play(deliveries)

    def _play(self, deliveries: Sequence[tuple[float, Event]]) -> None:
        now = self.account.plane.clock.now()
        waiting = [Delivery(now + after, event) for after, event in deliveries]
        while waiting or self._running():
            now = self.account.plane.clock.now()
            due = [delivery for delivery in waiting if delivery.due <= now]
            choices: list[Delivery | Execution] = [*due, *self._running()]
            if not choices:
                self.account.pass_time(min(each.due for each in waiting) - now)
                continue
            chosen = self.chance.choice(choices)
            if isinstance(chosen, Execution):
                self._go_on(chosen)
            else:
                waiting.remove(chosen)
                waiting += self._delivered(chosen)
            self.account.pass_time(STEP_SECONDS)

    def record(self, environment: str) -> Record | None:
        return self.account.records.find(environment)

    # --- deliveries -------------------------------------------------------------------------------

    def _delivered(self, delivery: Delivery) -> list[Delivery]:
        """Deliveries that follow: the same event, if it failed."""
        try:
            answer = self.account.invoke("accept_request", delivery.event)
        except BivouacError as error:
            if delivery.attempt == len(RETRIES):
                self.dead_letters.append((delivery.event, str(error)))
                return []
            due = self.account.plane.clock.now() + RETRIES[delivery.attempt]
            return [Delivery(due, delivery.event, delivery.attempt + 1)]
        for name in answer["started"]:
            machine = _MACHINES[name.split("-")[-2]]
            self._begin(f"{machine.replace(':stateMachine:', ':execution:')}:{name}")
        return []

    def _begin(self, arn: str) -> None:
        """Unless it has begun before."""
        if arn not in self.executions:
            content = json.loads(self._backend().describe_execution(arn).execution_input)
            self.executions[arn] = Execution(arn, self._steps(arn, content))

    # --- executions -------------------------------------------------------------------------------

    def _running(self) -> list[Execution]:
        return [each for each in self.executions.values() if each.status == "RUNNING"]

    def _go_on(self, execution: Execution) -> None:
        """One step, unless the execution was stopped."""
        known = self._backend().describe_execution(execution.arn)
        if known.status != "RUNNING":
            execution.status, execution.error = known.status, "StoppedError"
            known.error = "StoppedError"
            return
        try:
            next(execution.steps)
        except StopIteration as ended:
            execution.status, execution.output = "SUCCEEDED", ended.value
        except ExecutionFailedError as failed:
            execution.status, execution.error = "FAILED", failed.error
            known.error, known.cause = failed.error, failed.cause
        known.status = execution.status

    def _steps(self, arn: str, content: Event) -> Steps:
        machine = arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")
        if machine == DELETE_MACHINE:
            return self._delete(arn, content)
        if machine == REDEPLOY_MACHINE:
            return self._redeploy(arn, content)
        if machine == EXTEND_MACHINE:
            return self._extend(arn, content)
        return self._create(arn, content)

    def _create(self, arn: str, content: Event) -> Steps:
        state: Event = content
        started = started_at(self.account)
        while True:
            asked = {"request": content, "execution": arn, "startedAt": started}
            state = yield from self._step("check_request", {**asked, "settings": SETTINGS})
            if state["status"] == "OUTDATED":
                return state["output"]
            state = yield from self._opened(arn, started, state)
            if state["status"] == "CHANGED":
                continue
            if state["status"] not in ("OPEN", "SETTLE"):
                return state["output"]
            break
        self.changed.append(arn)
        return (yield from self._finished(state, Status.READY))

    def _opened(self, arn: str, started: str, state: Event) -> Steps:
        of_execution = {"execution": arn, "startedAt": started}
        while True:
            state = yield from self._step("open_environment", {**state, **of_execution})
            if state["status"] in ("WAIT", "SETTLE"):
                yield from self._waited(state["waitSeconds"])
            if state["status"] != "WAIT":
                return state

    def _redeploy(self, arn: str, content: Event) -> Steps:
        digest = hashlib.sha256(arn.encode()).hexdigest()
        client = self.account.client("stepfunctions")
        child = client.start_execution(
            stateMachineArn=CREATE_MACHINE,
            name=f"redeploy-{digest}",
            input=json.dumps({"redeploy": content}),
        )["executionArn"]
        self._begin(child)
        while self.executions[child].status == "RUNNING":
            yield
        ended = self.executions[child]
        if ended.status == "SUCCEEDED":
            return ended.output
        caught = {"Error": "States.TaskFailed", "Cause": "{}"}
        asked = {"redeploy": content, "digest": digest, "failed": caught}
        checked = yield from self._step("check_roll_back", asked)
        raise ExecutionFailedError(checked["error"], checked["cause"])

    def _delete(self, arn: str, content: Event) -> Steps:
        asked = {"request": content, "execution": arn, "startedAt": started_at(self.account)}
        state: Event = {"status": "WAIT"}
        while state["status"] == "WAIT":
            state = yield from self._step("close_environment", asked)
            if state["status"] in ("WAIT", "SETTLE"):
                yield from self._waited(state["waitSeconds"])
        if state["status"] in ("OUTDATED", "NOTHING_THERE"):
            return state["output"]
        self.changed.append(arn)
        return (yield from self._finished(state, Status.DELETED))

    def _extend(self, arn: str, content: Event) -> Steps:
        asked = {"request": content, "execution": arn, "startedAt": started_at(self.account)}
        return (yield from self._step("extend_lease", asked))

    def _finished(self, state: Event, status: Status) -> Steps:
        """After some steps that change nothing about intents."""
        for _ in range(self.chance.randint(1, 4)):
            yield
        try:
            self.account.records.finish(state["environment"], state["generation"], status)
        except BivouacError as error:
            raise ExecutionFailedError(type(error).__name__, str(error)) from error
        return {"status": status}

    def _step(self, function: str, given: Event) -> Steps:
        """One Task state with its Retry."""
        while True:
            try:
                answer = self.account.invoke(function, given)
            except NotYetConsistentError:
                yield
                continue
            except BivouacError as error:
                raise ExecutionFailedError(type(error).__name__, str(error)) from error
            yield
            return answer

    def _waited(self, seconds: float) -> Generator[None, None, None]:
        ends = self.account.plane.clock.now() + seconds
        while self.account.plane.clock.now() < ends:
            yield

    def _backend(self) -> Any:
        return stepfunctions_backends[ACCOUNT_ID][REGION]


@contextmanager
def _network_in_order() -> Iterator[None]:
    """Checks against AWS's network do not affect intents, and take a third of the time."""
    with mock.patch(
        "bivouac.commands.request_check.preflight.compared", lambda blueprint, *_: (blueprint, True)
    ):
        yield


def requested(detail_type: str, detail: Event, at: datetime, who: str) -> Event:
    """One of our events, as EventBridge delivers it."""
    return _event("bivouac.client", detail_type, detail, at, who)


def pushed(repository: str, tag: str, at: datetime, who: str) -> Event:
    """ECR's event of a pushed image."""
    detail = {
        "action-type": "PUSH",
        "result": "SUCCESS",
        "repository-name": repository,
        "image-tag": tag,
    }
    return _event("aws.ecr", "ECR Image Action", detail, at, who)


def _event(source: str, detail_type: str, detail: Event, at: datetime, who: str) -> Event:
    return {
        "id": who,
        "source": source,
        "detail-type": detail_type,
        "account": ACCOUNT_ID,
        "region": REGION,
        "time": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "detail": detail,
    }


def shuffled(
    events: Sequence[Event], chance: random.Random, window: float
) -> list[tuple[float, Event]]:
    """Each one to five times, each time after up to `window` seconds."""
    return [
        (chance.uniform(0, window), event) for event in events for _ in range(chance.randint(1, 5))
    ]


def story(name: str, begins: datetime) -> tuple[list[Event], Event]:
    """Ten intents in their order, and the request that must hold in the end.

    Created, redeployed, pushed to, extended, torn down; created again with another owner, its two
    services redeployed, and pushed to once more."""
    registry = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com"
    web = {"serviceName": "web", "primaryContainer": {"image": "nginx:1", "containerPort": 80}}
    image = f"{registry}/{name}:main"
    api = {"serviceName": "api", "primaryContainer": {"image": image, "containerPort": 80}}
    triggers = {"imagePush": [{"repository": name, "tag": "main"}]}
    request = {"name": name, "services": [web, api], "triggers": triggers}
    again = {**request, "owner": "somebody else"}
    minutes = iter(range(100))

    def want(detail_type: str, detail: Event) -> Event:
        minute = next(minutes)
        at = begins + timedelta(minutes=minute)
        return requested(detail_type, detail, at, f"{name}-{minute}")

    def push() -> Event:
        minute = next(minutes)
        return pushed(name, "main", begins + timedelta(minutes=minute), f"{name}-{minute}")

    def redeploy(service: str, **change: str) -> Event:
        services = [{"serviceName": service, **change}]
        return want("RedeployRequested", {"environment": name, "services": services})

    events = [
        want("EnvironmentRequested", {"request": request}),
        redeploy("web", image="nginx:2"),
        push(),
        redeploy("api"),
        want("LeaseExtensionRequested", {"environment": name, "ttl": "24h"}),
        want("TeardownRequested", {"environment": name}),
        want("EnvironmentRequested", {"request": again}),
        redeploy("web", image="nginx:3"),
        redeploy("web"),
        redeploy("api"),
    ]
    end = {
        **again,
        "services": [
            {
                **web,
                "primaryContainer": {"image": "nginx:3", "containerPort": 80},
                "redeployedFor": f"{name}-8",
            },
            {**api, "redeployedFor": f"{name}-9"},
        ],
    }
    return events, end
