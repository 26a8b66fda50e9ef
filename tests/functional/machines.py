"""Plays the state machines' part around the functions: the same order, waits and retries.

It calls the functions through their handlers, as Lambda does, and repeats what the definitions in
statemachine/ repeat. Probes are answered for the tasks: nothing runs on the strict fake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bivouac import errors
from tests.functional.account import BivouacAccount, execution

Event = dict[str, Any]
ATTEMPTS = 6
"""MaxAttempts 5 of the definitions, and the first one."""


class FunctionKilledError(BaseException):
    """The function's process ended at once, as Lambda ends it: nothing in it can catch this."""


RETRIED = (*errors.RETRIED, FunctionKilledError)
CREATE_STEPS = (
    "check_request",
    "open_environment",
    "create_namespace",
    "create_cluster",
    "create_log_groups",
    "register_task_definition",
    "create_service",
    "check_services",
    "mark_ready",
)
DELETE_STEPS = (
    "close_environment",
    "delete_services",
    "delete_namespace",
    "delete_cluster",
    "delete_task_definitions",
    "delete_log_groups",
    "look_for_leftovers",
    "write_receipt",
)


@dataclass
class Machines:
    account: BivouacAccount
    before_step: Callable[[str], None] = lambda step: None
    """Told the function's name before each call of it."""
    retried: tuple[type[BaseException], ...] = RETRIED

    def _step(self, function: str, event: Event) -> Event:
        """One Task state with its Retry."""
        for attempt in range(1, ATTEMPTS + 1):
            self.before_step(function)
            try:
                return self.account.invoke(function, event)
            except self.retried:
                if attempt == ATTEMPTS:
                    raise
                self.account.pass_time(attempt)
        raise AssertionError("unreachable")

    def _until(self, function: str, event: Event, done: tuple[str, ...], *results: str) -> Event:
        """A Task with its Choice and Wait; `results` are what the answer replaces in the event."""
        for _ in range(200):
            answer = self._step(function, event)
            if answer["status"] in done:
                return answer
            event = {**event, **{name: answer[name] for name in results}}
            self.account.pass_time(answer["waitSeconds"])
        raise AssertionError(f"{function} never ended: {answer}")

    def create(self, request: Event, name: str = "first") -> Event:
        """create_environment's output."""
        checked = self._step("check_request", request)
        arn = execution(name)
        opened = self._until_open({**checked, "execution": arn})
        held = {key: opened[key] for key in ("environment", "generation")}
        opening = {**held, "openedAt": opened["openedAt"]}
        namespace = self._until(
            "create_namespace", {**opening, "operationId": None}, ("READY",), "operationId"
        )
        held_in = {**held, "namespaceArn": namespace["arn"]}
        self._until("create_cluster", opening, ("READY",))
        self._step("create_log_groups", held)
        services = []
        for service in opened["services"]:
            made = self._step("register_task_definition", {**held_in, **service})
            services.append(
                self._step(
                    "create_service",
                    {
                        **held_in,
                        **service,
                        "taskDefinitionArn": made["taskDefinitionArn"],
                    },
                )
            )
        look = {
            **held,
            "services": services,
            "openedAt": opened["openedAt"],
            "deadline": opened["deadline"],
        }
        check = self._until("check_services", look, ("HEALTHY", "FAILED"))
        return self._step(
            "mark_ready",
            {
                **held,
                "expiresAt": opened["expiresAt"],
                "check": check,
                "probes": {"private": answered(check["targets"]), "public": answered([])},
            },
        )

    def _until_open(self, event: Event) -> Event:
        execution_arn = event["execution"]
        for _ in range(200):
            answer = self._step("open_environment", event)
            if answer["status"] == "OPEN":
                return answer
            event = {**answer, "execution": execution_arn}
            self.account.pass_time(answer["waitSeconds"])
        raise AssertionError("never open")

    def delete(self, request: Event, name: str = "deletion") -> Event:
        """write_receipt's answer."""
        arn = execution(name)
        event: Event = {"request": request, "execution": arn}
        while (closed := self._step("close_environment", event))["status"] == "WAIT":
            self.account.pass_time(closed["waitSeconds"])
            event = {"request": closed, "execution": arn}
        if closed["status"] == "OUTDATED":
            return closed
        held = {key: closed[key] for key in ("environment", "generation", "closedAt")}
        services, removed, look = closed["services"], closed["removed"], closed["look"]
        while True:
            services = self._deleted("delete_services", held, services)
            for kind, function in (
                ("namespace", "delete_namespace"),
                ("cluster", "delete_cluster"),
                ("taskDefinitions", "delete_task_definitions"),
                ("logGroups", "delete_log_groups"),
            ):
                removed[kind] = self._deleted(function, held, removed[kind])
            look = self._step("look_for_leftovers", {**held, "look": look})
            while look["status"] == "CLEAN":
                self.account.pass_time(look["waitSeconds"])
                look = self._step("look_for_leftovers", {**held, "look": look})
            if look["status"] == "DONE":
                break
        parts = {"services": services, "removed": removed, "look": look}
        return self._step("write_receipt", {**held, **parts})

    def _deleted(self, function: str, held: Event, part: Event) -> Event:
        carried = part.keys() & {"items", "operationId"}
        return self._until(
            function, {**held, **{name: part[name] for name in carried}}, ("DONE",), *carried
        )


def answered(targets: list[Event], outcome: str = "OK") -> Event:
    """A probe function's answer for these targets."""
    return {
        "proven": outcome != "NG",
        "checks": [
            {
                "service": target["service"],
                "name": f"{target['endpoint']} answers from inside the VPC",
                "outcome": outcome,
                "observed": "HTTP 200, server: envoy, 3 times in a row",
                "endpoint": target["endpoint"],
            }
            for target in targets
        ],
    }


def outcomes(answer: Event) -> dict[tuple[str, str], str]:
    """By kind and name of each item of a receipt, or of a step's part of it."""
    return {(item["kind"], item["name"]): item["outcome"] for item in answer["items"]}
