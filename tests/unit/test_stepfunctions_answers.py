"""Step Functions' and Lambda's recorded answers are understood, and others too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bivouac.aws import lambda_answers
from bivouac.aws.stepfunctions_answers import (
    NO_EXECUTION,
    STALE_TOKEN,
    STARTED_BEFORE,
    Execution,
    arn_of,
    caught,
    name_of,
)
from bivouac.sweep.follow_up import Ended
from tests.localcloud.recordings import recording

FUNCTIONS = Path(lambda_answers.__file__).parents[2]
EVENTS: dict[str, Any] = recording("stepfunctions-status-events")
LEFT_OUT = {"input": None, "inputDetails": {"included": False}}
"""Of an event whose input is too large (Step Functions' guide, "Automating event delivery")."""


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("failed", ("FAILED", "SomeFailure", "It went wrong.")),
        ("timed out", ("TIMED_OUT", "", "")),
    ],
)
@pytest.mark.parametrize(
    "more",
    [{}, LEFT_OUT, {"aNewMember": {"of": "2027"}}, {"redriveStatusReason": "because"}],
    ids=["as recorded", "input left out", "unknown member", "reason"],
)
def test_a_status_event_is_read(
    ending: str, told: tuple[str, str, str], more: dict[str, Any]
) -> None:
    event = EVENTS[ending]
    ended = Ended.of({**event["detail"], **more})
    assert (ended.status, ended.error, ended.cause) == told
    assert ended.content == {}


@pytest.mark.parametrize("member", ["error", "cause", "input", "redriveStatusReason", "output"])
def test_a_status_event_may_omit_members(member: str) -> None:
    detail = {k: v for k, v in EVENTS["timed out"]["detail"].items() if k != member}
    assert Ended.of(detail).status == "TIMED_OUT"


def test_a_description_without_error_and_cause_is_read() -> None:
    """Of a timed-out machine."""
    described = Execution.of(recording("stepfunctions-machine-timeout"))
    assert (described.status, described.error, described.cause) == ("TIMED_OUT", "", "")
    assert not described.is_at_work


@pytest.mark.parametrize(
    ("status", "is_at_work"),
    [
        ("RUNNING", True),
        ("PENDING_REDRIVE", True),
        ("SUCCEEDED", False),
        ("FAILED", False),
        ("TIMED_OUT", False),
        ("ABORTED", False),
    ],
)
def test_which_statuses_mean_running(status: str, is_at_work: bool) -> None:
    """Every ExecutionStatus of the API's model."""
    described = {**recording("stepfunctions-machine-timeout"), "status": status}
    assert Execution.of(described).is_at_work is is_at_work


def test_a_catchs_error_is_read() -> None:
    failure = recording("stepfunctions-lambda-exception")
    error, cause = caught({**failure, "Cause": json.dumps(failure["Cause"])})
    assert error == "NamespaceInUseError"
    assert lambda_answers.message_of(cause) == "<message>"
    assert caught(recording("stepfunctions-task-timeouts")["caught"]) == ("States.Timeout", "")
    assert caught({}) == ("", "")


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ('{"errorMessage": "no", "errorType": "SomeError", "stackTrace": []}', "no"),
        ('{"errorMessage": null}', "None"),
        ('{"errorMessage": "cut in the mi', "cut in the mi"),
        ('{"errorMessage": "a \\"word\\"\\nand", "stackTrace": ["File a.p', 'a "word"\nand'),
        ('{"errorMessage": "cut after a \\', "cut after a "),
        ('{"errorMessage": "cut in \\u00', "cut in "),
        ('{"errorType": "X", "errorMessage": "no", "stackTr', "no"),
        ("Function not found", "Function not found"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_the_readable_part_of_a_cause_is_found(cause: str, message: str) -> None:
    assert lambda_answers.message_of(cause) == message


def test_names_and_arns_are_converted() -> None:
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:bivouac-create-environment"
    arn = "arn:aws:states:eu-west-1:123456789012:execution:bivouac-create-environment:demo-7"
    assert arn_of(machine, "demo-7") == arn
    assert name_of(arn) == "demo-7"


def test_literals_of_these_answers_are_in_one_module() -> None:
    names = {"PENDING_REDRIVE", "errorMessage", *NO_EXECUTION, *STARTED_BEFORE, *STALE_TOKEN}
    elsewhere = {
        (path.name, name)
        for path in FUNCTIONS.rglob("*.py")
        if path.name not in ("stepfunctions_answers.py", "lambda_answers.py")
        for name in names
        if name in path.read_text(encoding="utf-8")
    }
    assert elsewhere == set()
