"""A function accepts any input, or says what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bivouac.environment.record import Status, packed
from bivouac.errors import BivouacError
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    EXTEND_MACHINE,
    REDEPLOY_MACHINE,
    BivouacAccount,
)
from tests.requests import environment
from tests.unit.test_inputs import NOW, READ, anything, spoiled

MACHINES = (CREATE_MACHINE, DELETE_MACHINE, EXTEND_MACHINE, REDEPLOY_MACHINE)
FIRST_STEPS = {
    "create": "check_request",
    "redeploy": "check_request",
    "wake": "check_request",
    "roll back": "check_request",
    "delete": "close_environment",
    "sleep": "suspend_environment",
    "extend": "extend_lease",
}
"""The first function of each machine, by what it is asked."""


@pytest.fixture
def account(account: BivouacAccount) -> BivouacAccount:
    """With an environment that runs, and the machines that events start."""
    account.pass_time((NOW - account.now()).total_seconds())
    request = environment()
    content = packed(request)
    account.holds(
        account.planned(request), status=Status.READY, request=content, base_request=content
    )
    for machine in MACHINES:
        account.start_execution("of-another", machine)
    return account


@pytest.mark.parametrize("who", READ)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_input_crashes_a_function(
    account: BivouacAccount, who: str, data: st.DataObject
) -> None:
    """In whatever state earlier inputs have left the environment."""
    _, good = READ[who]
    content: Any = data.draw(spoiled(good) | anything)
    if who in FIRST_STEPS:
        crashes_nowhere(account, FIRST_STEPS[who], account.machine_input(content))
    else:
        function = "warn_of_expiry" if who == "warning" else "accept_request"
        crashes_nowhere(account, function, content)


QUESTION = {"owner": "me", "status": "READY", "limit": 7, "nextToken": None}


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(question=spoiled(QUESTION) | anything)
def test_no_question_crashes_describe_environments(account: BivouacAccount, question: Any) -> None:
    crashes_nowhere(account, "describe_environments", question)


def crashes_nowhere(account: BivouacAccount, function: str, event: Any) -> None:
    """A refusal is text that fits a cause."""
    try:
        account.invoke(function, event)
    except BivouacError as refused:
        str(refused).encode()
