"""Diagnose failure: the failed execution's error and cause, kept in the record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from diagnose_failure import CAUSE_LIMIT, diagnose_failure

from bivouac import diagnosis
from bivouac.diagnosis import Category, Verdict
from bivouac.record import Status
from localcloud.tasks import scripted
from tests.functional.account import TABLE, BivouacAccount
from tests.functional.machines import answered
from tests.requests import environment

HELD = {"environment": "demo", "generation": 1}
WEB = {"service": "web", "endpoint": "web"}


def diagnosed(account: BivouacAccount, **event: Any) -> dict[str, Any]:
    return diagnose_failure({**HELD, **event}, account.records, account.client("logs"))


def failed_check(verdict: Verdict) -> dict[str, Any]:
    return {"status": "FAILED", "verdict": verdict.to_json(), "checks": []}


@pytest.fixture
def held(account: BivouacAccount) -> BivouacAccount:
    account.holds(account.planned(environment()))
    return account


def test_the_whole_story_of_a_container_that_exits(held: BivouacAccount) -> None:
    """H11, H22: evidence, last lines and next step, from what the task really printed."""
    lines = [f"line {n}" for n in range(50)] + ["password=hunter2", "no database"]
    held.runtime.script("nginx", scripted.exits(3, after=0.1, output=lines))
    blueprint, expected = held.planned(environment()), held.create(environment())
    answer = held.until(lambda: held.look(blueprint, expected), "FAILED")
    told = held.invoke("diagnose_failure", {**HELD, "check": answer})
    assert told["error"] == "DeploymentFailedError"
    assert told["superseded"] is False
    for text in ("web: container exit", "exited with code 3", "no database", "next step:"):
        assert text in told["cause"]
    assert "hunter2" not in told["cause"]
    assert "line 1\n" not in told["cause"]
    record = held.records.find("demo")
    assert record is not None
    assert record.status is Status.FAILED
    key = {"environment": {"S": "demo"}}
    item = held.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    assert json.loads(item["failure"]["S"])["category"] == "container exit"


def test_it_is_told_again_in_the_same_words(held: BivouacAccount) -> None:
    check = failed_check(diagnosis.rollback("web", "rolled back"))
    assert diagnosed(held, check=check) == diagnosed(held, check=check)


def test_a_diagnosis_without_log_lines_is_better_than_none(held: BivouacAccount) -> None:
    """D17, S22: the log group is missing, or may not be read."""
    verdict = Verdict(Category.EXIT, "web", ("exited",), "Look.", "arn:aws:ecs:x:task/demo/1")
    told = diagnosed(held, check=failed_check(verdict))
    assert "evidence: exited" in told["cause"]
    assert "last lines" not in told["cause"]


def test_an_endpoint_that_did_not_answer_is_told_as_such(held: BivouacAccount) -> None:
    """P07, P09."""
    told = diagnosed(
        held,
        check={"status": "HEALTHY"},
        probes={"private": answered([WEB], "NG"), "public": answered([WEB], "SKIP")},
    )
    assert told["error"] == "ConnectivityError"
    assert "web answers from inside the VPC" in told["cause"]


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (json.dumps({"errorMessage": "cluster demo: no", "errorType": "X"}), "cluster demo: no"),
        ("not JSON at all", "not JSON at all"),
        ("[1, 2]", "[1, 2]"),
        ("{}", "{}"),
    ],
)
def test_a_failed_step_is_told_in_its_own_words(
    held: BivouacAccount, cause: str, told: str
) -> None:
    answer = diagnosed(held, failure={"Error": "AccessDeniedError", "Cause": cause})
    assert (answer["error"], answer["cause"]) == ("AccessDeniedError", told)


def test_a_cause_fits_what_step_functions_takes(held: BivouacAccount) -> None:
    """W08."""
    answer = diagnosed(held, failure={"Error": "States.Timeout", "Cause": "x" * 100_000})
    assert len(answer["cause"]) == CAUSE_LIMIT


def test_a_superseded_create_leaves_the_record_alone(account: BivouacAccount) -> None:
    """W17, W18: the newer execution's state is not overwritten by the older one's failure."""
    account.holds(account.planned(environment()), generation=2)
    answer = diagnosed(account, failure={"Error": "SupersededError", "Cause": "x"})
    assert answer["superseded"] is True
    record = account.records.find("demo")
    assert record is not None
    assert record.status is Status.CREATING
