"""Plays the state machines around the functions: the same order, waits and retries.

It calls the functions through their handlers, as Lambda does, and repeats what the definitions in
statemachine/ repeat. Probes are answered for the tasks: nothing runs on the strict fake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bivouac import errors
from tests.functional.account import RETENTION_DAYS, BivouacAccount
from tests.parts import must_be_an_output

Event = dict[str, Any]
ATTEMPTS = 6
"""The definitions' MaxAttempts 5, and the first one."""


class FunctionKilledError(BaseException):
    """The function's process ended at once, as Lambda ends it: nothing in it can catch this."""


RETRIED = (*errors.RETRIED, FunctionKilledError)
CREATE_STEPS = (
    "check_request",
    "open_environment",
    "create_namespace",
    "create_cluster",
    "create_log_groups",
    "register_task_definitions",
    "wait_for_change",
    "create_services",
    "resume_execution",
    "delete_proof_clients",
    "mark_ready",
)
DELETE_STEPS = (
    "close_environment",
    "delete_services",
    "wait_for_change",
    "delete_namespace",
    "delete_task_definitions",
    "delete_cluster",
    "delete_log_groups",
    "write_receipt",
)
SLEEP_STEPS = ("suspend_environment", "stop_services", "wait_for_change", "mark_asleep")
EVENT_ATTEMPTS = 3
"""Lambda retries a failed function that an event started twice."""
EVENT_RETRY_SECONDS = 60
"""Before the first retry; twice as long before the second."""
QUIET_STEP = 0.05
"""Time that passes without an event."""


class NotReadyError(Exception):
    """The create failed; `progress` says why."""

    def __init__(self, progress: Event) -> None:
        self.progress = progress
        super().__init__(str(progress.get("verdicts", progress)))


@dataclass
class Machines:
    account: BivouacAccount
    before_step: Callable[[str], None] = lambda step: None
    """Called with the function's name before each call of it."""
    retried: tuple[type[BaseException], ...] = RETRIED
    tells: Callable[[Event], list[Event]] = lambda event: [event]
    """What becomes of an event: delivered, delivered twice, or lost."""
    states: list[str] = field(default_factory=list)
    """The Task states that were entered, by function; the waiting ones by their purpose."""

    def _step(self, function: str, event: Event) -> Event:
        """One Task state with its Retry."""
        self.states.append(function)
        return self._tried(function, lambda: event)

    def _tried(self, function: str, event: Callable[[], Event]) -> Event:
        for attempt in range(1, ATTEMPTS + 1):
            self.before_step(function)
            try:
                return self.account.invoke(function, event())
            except self.retried:
                if attempt == ATTEMPTS:
                    raise
                self.account.pass_time(attempt)
        raise AssertionError("unreachable")

    # --- the waiting place ------------------------------------------------------------------------

    def _wait(self, purpose: str, held: Event, context: Event, patience: float) -> Event | None:
        """A Task state with waitForTaskToken; None if it timed out."""
        self.states.append(purpose)
        given = {"environment": held["environment"], "generation": held["generation"]}
        tokens: list[str] = []

        def event() -> Event:
            tokens.append(self.account.token())
            return {**given, "purpose": purpose, "token": tokens[-1], "context": context}

        ends = self.account.plane.clock.now() + patience
        self.account.while_asleep = self._tell
        try:
            self._tried("wait_for_change", event)
            while self.account.tokens[tokens[-1]] is None:
                if self.account.plane.clock.now() >= ends:
                    return None
                self.account.pass_time(QUIET_STEP)
                self._tell()
        finally:
            self.account.while_asleep = lambda: None
        return self.account.tokens[tokens[-1]]

    def _tell(self) -> None:
        """EventBridge calls the function once for each event, concurrently."""
        while self.account.events:
            for event in self.tells(self.account.events.popleft()):
                self._resume(event)

    def _resume(self, event: Event) -> None:
        for attempt in range(1, EVENT_ATTEMPTS + 1):
            self.before_step("resume_execution")
            try:
                self.account.invoke("resume_execution", event)
                return
            except self.retried:
                if attempt < EVENT_ATTEMPTS:
                    self.account.pass_time(EVENT_RETRY_SECONDS * attempt)

    # --- create_environment -----------------------------------------------------------------------

    def create(self, request: Event, name: str = "first") -> Event:
        """create_environment's output. Raises NotReadyError with the last progress."""
        asked = self.account.machine_input(request, name)
        checked = self._step("check_request", asked)
        state = self._until_open(checked, asked)
        held = {key: state[key] for key in ("environment", "generation")}
        fresh = {"fresh": state["fresh"]}
        progress, foundation = state["progress"], self._foundation(held)
        while True:
            context = {
                "progress": progress,
                "foundation": foundation,
                "openedAt": state["openedAt"],
                "deadline": state["deadline"],
                "short": True,
            }
            answer = self._wait("services", held, context, progress["patienceSeconds"])
            progress = progress if answer is None else answer
            if answer is None or progress["status"] == "CREATE":
                given = {
                    **held,
                    **fresh,
                    "deadline": state["deadline"],
                    "taskDefinitions": foundation["taskDefinitions"],
                    "progress": progress,
                }
                progress = self._step("create_services", given)
            elif progress["status"] == "FOUNDATION":
                foundation = self._foundation(held)
            elif progress["status"] == "HEALTHY":
                break
            else:
                raise NotReadyError(progress)
        self._step("delete_proof_clients", {**held, "expected": progress["expected"]})
        given = {
            **held,
            "progress": progress,
            "probes": {"private": answered(progress["targets"]), "public": answered([])},
        }
        return _output(self._step("mark_ready", given))

    def _foundation(self, held: Event) -> Event:
        """The Parallel state, one branch after another."""
        namespace = self._step("create_namespace", held)
        cluster = self._step("create_cluster", held)
        self._step("create_log_groups", {**held, "retentionDays": str(RETENTION_DAYS)})
        definitions = self._step("register_task_definitions", held)
        return {"namespace": namespace, "cluster": cluster, "taskDefinitions": definitions["arns"]}

    def _until_open(self, answer: Event, asked: Event) -> Event:
        for _ in range(200):
            answer = self._step("open_environment", {**answer, **_only(asked, *OF_EXECUTION)})
            if answer["status"] == "OPEN":
                return answer
            self.account.pass_time(answer["waitSeconds"])
            if answer["status"] == "SETTLE":
                return answer
        raise AssertionError("never open")

    # --- sleep_environment and wake_environment ---------------------------------------------------

    def _taken(self, step: str, event: Event) -> Event:
        """The answer of a first step, and after it the wait for the last functions of another."""
        while (state := self._step(step, event))["status"] == "WAIT":
            self.account.pass_time(state["waitSeconds"])
        if state["status"] == "SETTLE":
            self.account.pass_time(state["waitSeconds"])
        return state

    def sleep(self, request: Event, name: str = "sleep") -> Event:
        """mark_asleep's answer, or suspend_environment's if there is nothing to do."""
        event = self.account.machine_input(request, name)
        state = self._taken("suspend_environment", event)
        if state["status"] == "OUTDATED":
            return _output(state["output"])
        gone: Event | None = None
        while gone is None or gone["status"] == "STARTED":
            services = self._step("stop_services", _held(state))
            context = {**_only(state, "suspendedAt"), **_only(services, "names")}
            gone = self._wait("asleep", _held(state), context, WAITING_SECONDS)
        return _output(self._step("mark_asleep", {**_held(state), **_only(services, "names")}))

    def wake(self, environment: str, name: str = "wake") -> Event:
        """wake_environment's output, which is that of its create."""
        return self.create({"wake": {"environment": environment}}, name)

    # --- delete_environment -----------------------------------------------------------------------

    def delete(self, request: Event, name: str = "deletion") -> Event:
        """The execution's output."""
        event = self.account.machine_input(request, name)
        state = self._taken("close_environment", event)
        if state["status"] in ("OUTDATED", "NOTHING_THERE"):
            return _output(state["output"])
        while state["lastCheck"].get("status", "LEFT") == "LEFT":
            self._round(state)
        parts = ("services", "used", "cluster", "lastCheck", "keepSchedule")
        given = {**_held(state), **{name: state[name] for name in parts}}
        return _output(self._step("write_receipt", given))

    def _round(self, state: Event) -> None:
        """One round; a wait that timed out goes back to the step before it."""
        while True:
            services = _only(state["services"], "items", "namespaceId")
            state["services"] = self._deleted("delete_services", state, services)
            going = _only(state["services"], "names", "namespaceId")
            if self._departed("services gone", state, going):
                break
        while True:
            self._used(state["used"], state)
            going = _only(state["used"]["namespace"], "operationId")
            if self._departed("tasks gone", state, going):
                break
        while True:
            items = _only(state["cluster"], "items")
            state["cluster"] = self._deleted("delete_cluster", state, items)
            going = {
                "rounds": state["lastCheck"]["rounds"],
                "thorough": state["used"]["taskDefinitions"]["thorough"],
            }
            if look := self._departed("everything gone", state, going):
                state["lastCheck"] = look
                return

    def _used(self, used: Event, state: Event) -> None:
        """The Parallel state, one branch after another."""
        for part, function in (
            ("namespace", "delete_namespace"),
            ("taskDefinitions", "delete_task_definitions"),
        ):
            given = {"recorded": state["recorded"], "items": used[part]["items"]}
            used[part] = self._deleted(function, state, given)
        items = _only(used["logGroups"], "items")
        used["logGroups"] = self._deleted("delete_log_groups", state, items)

    def _deleted(self, function: str, state: Event, given: Event) -> Event:
        return self._step(function, {**_held(state), **_only(state, "closedAt"), **given})

    def _departed(self, purpose: str, state: Event, going: Event) -> Event | None:
        context = {**_only(state, "closedAt"), **going}
        return self._wait(purpose, _held(state), context, WAITING_SECONDS)


OF_EXECUTION = ("execution", "startedAt")
WAITING_SECONDS = 150
"""TimeoutSeconds of the deletion's waiting states."""


def _output(answer: Event) -> Event:
    must_be_an_output(answer)
    return answer


def _only(content: Event, *names: str) -> Event:
    return {name: content[name] for name in names}


def _held(state: Event) -> Event:
    return _only(state, "environment", "generation")


def answered(targets: list[Event], outcome: str = "OK") -> Event:
    """A probe function's answer for these targets."""
    return {
        "proven": outcome != "NG",
        "checks": [
            {
                "service": target["service"],
                "name": f"{target['endpoint']} answers from inside the VPC",
                "outcome": outcome,
                "observed": "HTTP 200, server: envoy, 8 times in a row",
                "endpoint": target["endpoint"],
            }
            for target in targets
        ],
    }


def outcomes(answer: Event) -> dict[tuple[str, str], str]:
    """By kind and name of each item of a deletion's output, or of a step's part of the receipt."""
    items = answer.get("receipt", answer)["items"]
    return {(item["kind"], item["name"]): item["outcome"] for item in items}
