"""Every answer to a waiting execution is sent and lost: no execution waits for ever for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.requests import environment, web
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-trouble")

Json = dict[str, Any]
WAITS = ".waitForTaskToken"
ANSWER_IN_TIME = "TimestampGreaterThanPath"
AT_THE_MOST = 2
"""Waits for the same that a deadline cuts short: the running one, and one that began in the last
second before it."""


def answers_are_lost(states: Json) -> None:
    """The answer is sent with a token that is not the execution's, so it arrives nowhere."""
    for state in states.values():
        if state.get("Resource", "").endswith(WAITS):
            payload = state["Parameters"]["Payload"]
            del payload["token.$"]
            payload["token"] = "lost"


def time_is_over(states: Json, since: str) -> None:
    """Deadlines are set when the execution begins: they would be minutes away."""
    for state in states.values():
        for choice in state.get("Choices", ()):
            for each in (choice, *choice.get("And", ())):
                if ANSWER_IN_TIME in each:
                    each[ANSWER_IN_TIME] = since


def test_a_create_fails_with_a_diagnosis_once_its_deadline_is_over(
    app: Application, name: str
) -> None:
    def change(states: Json) -> None:
        answers_are_lost(states)
        time_is_over(states, "$.openedAt")

    machine = app.variant(app.create_machine, change)
    request = environment(web(), name=name, timeouts={"ready": "1m"})
    failed = app.ended(app.start(machine, request))

    assert (failed.status, failed.error) == ("FAILED", "DeploymentFailedError")
    assert failed.states.count("Wait for the services") <= AT_THE_MOST
    first, *more = failed.cause.splitlines()
    assert first.startswith(f"{name}: out of time: ")
    assert "no answer reached the execution" in first
    assert any(line.startswith("  next step: ") for line in more)
    assert app.record(name)["failure"]["cause"] == failed.cause
    app.deletion_after_failure(name).succeeded()
    assert app.left(name) == []


def test_a_create_with_time_left_polls_again(app: Application, name: str) -> None:
    """Only the first answer is lost: the time-out of the wait finds what it said."""

    def change(states: Json) -> None:
        first = states["Wait for the services"]
        states["Wait for the first time"] = {
            **first,
            "Parameters": {
                **first["Parameters"],
                "Payload": {
                    **{k: v for k, v in first["Parameters"]["Payload"].items() if k != "token.$"},
                    "token": "lost",
                },
            },
        }
        states["Create what the services need"]["Next"] = "Wait for the first time"

    machine = app.variant(app.create_machine, change)
    request = environment(web(), name=name, timeouts={"ready": "1m"})
    app.ended(app.start(machine, request)).succeeded()
    app.delete(name)


def test_a_deletion_deletes_and_reports_that_the_check_failed(app: Application, name: str) -> None:
    """Its receipt never says that everything is gone if no check said so (D17)."""

    def change(states: Json) -> None:
        answers_are_lost(states)
        time_is_over(states, "$.closedAt")

    app.create(environment(web(), name=name)).succeeded()
    machine = app.variant(app.delete_machine, change)
    failed = app.ended(app.start(machine, {"environment": name}))

    assert (failed.status, failed.error) == ("FAILED", "DeletionIncompleteError")
    for what in ("the services are", "the tasks are", "everything is"):
        assert failed.states.count(f"Wait until {what} gone") == 1
    assert "no answer of the last check" in failed.cause
    assert app.schedule(name) is not None
    app.delete(name).succeeded()
    assert app.left(name) == []


def test_a_sleep_reads_for_itself(app: Application, name: str) -> None:
    def change(states: Json) -> None:
        answers_are_lost(states)
        time_is_over(states, "$.suspendedAt")

    app.create(environment(web(), name=name)).succeeded()
    machine = app.variant(app.sleep_machine, change)
    asleep = app.ended(app.start(machine, {"environment": name})).succeeded()

    assert asleep.states.count("Wait until the tasks are gone") <= AT_THE_MOST
    app.delete(name)
