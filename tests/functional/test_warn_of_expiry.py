"""Warn of expiry: once for each end of a lease that is near, and for no other."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from bivouac.environment.record import Status
from tests.functional.account import EXTEND_MACHINE, BivouacAccount
from tests.requests import environment

ENDS = "2030-01-01T00:00:00Z"


def warned(account: BivouacAccount, expires_at: str = ENDS) -> str:
    event = {"environment": "demo", "expiresAt": expires_at, "warningSeconds": 1800}
    return str(account.invoke("warn_of_expiry", event)["status"])


def held(account: BivouacAccount, status: Status = Status.READY, **changes: Any) -> None:
    account.holds(account.planned(environment()), status=status, expires_at=ENDS, **changes)
    account.forget_calls()


def test_the_warning_has_the_command_that_extends_the_lease(account: BivouacAccount) -> None:
    held(account, generation=3)
    assert warned(account) == "WARNED"
    ((detail_type, detail),) = account.published
    assert detail_type == "EnvironmentExpiring"
    assert (detail["name"], detail["generation"]) == ("demo", 3)
    assert (detail["expiresAt"], detail["warningSeconds"]) == (ENDS, 1800)
    words = shlex.split(detail["extendWith"])
    assert words[:5] == [
        "aws",
        "stepfunctions",
        "start-execution",
        "--state-machine-arn",
        EXTEND_MACHINE,
    ]
    asked = json.loads(words[words.index("--input") + 1])
    assert asked == {"environment": "demo", "keep": True, "expectedExpiresAt": ENDS}


def test_extend_lease_accepts_the_command(account: BivouacAccount) -> None:
    held(account)
    warned(account)
    ((_, detail),) = account.published
    asked = json.loads(shlex.split(detail["extendWith"])[-1])
    answer = account.invoke("extend_lease", account.machine_input(asked))
    assert answer["outcome"] == "UNCHANGED"  # ENDS lies beyond the cap of today's lease


def test_a_repetition_is_the_same_event(account: BivouacAccount) -> None:
    """W01."""
    held(account)
    warned(account)
    account.pass_time(60)
    warned(account)
    first, second = (detail["id"] for _, detail in account.published)
    assert first == second


def test_an_extended_lease_gets_no_warning_for_its_old_end(account: BivouacAccount) -> None:
    held(account)
    assert warned(account, "2029-12-31T12:00:00Z") == "OUTDATED"
    assert account.published == []


@pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED, Status.DELETED])
def test_an_environment_that_is_being_deleted_gets_no_warning(
    account: BivouacAccount, status: Status
) -> None:
    held(account, status)
    assert warned(account) == "OUTDATED"
    assert account.published == []


def test_an_unknown_environment_gets_no_warning(account: BivouacAccount) -> None:
    assert warned(account) == "OUTDATED"
