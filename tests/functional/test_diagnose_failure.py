"""Diagnose failure: records the failed execution's error and cause."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest
from botocore.stub import Stubber
from diagnose_failure import diagnose_failure

from bivouac.diagnosis import create_verdicts, report
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import VERDICTS_LIMIT, Verdict
from bivouac.environment.record import Status
from bivouac.notifications.notifier import MOST_TRIES
from bivouac.proof import mesh
from tests.functional.account import TABLE, BivouacAccount
from tests.functional.machines import answered
from tests.localcloud.recordings import recording
from tests.requests import environment, web
from tests.unit.planned import planned

HELD = {"environment": "demo", "generation": 1}
WEB = {"service": "web", "endpoint": "web"}
TASK = "arn:aws:ecs:ap-northeast-1:123456789012:task/bivouac-demo/0123"
EXITED = Verdict(
    Category.EXIT, "web", ("container web exited with code 3",), "Read the lines.", TASK, "web"
)
PULL = Verdict(Category.IMAGE_PULL, "api", ("CannotPullContainerError: not found",), "Check it.")


def diagnosed(account: BivouacAccount, **event: Any) -> dict[str, Any]:
    logs = account.client("logs")
    ecs = partial(account.client, "ecs")
    return diagnose_failure(
        {**HELD, **event}, account.now(), account.records, logs, ecs, account.bus
    )


def failed(*verdicts: Verdict) -> dict[str, Any]:
    """The answer of the wait for the services."""
    return {
        "status": "FAILED",
        "error": "DeploymentFailedError",
        "verdicts": [verdict.to_json() for verdict in verdicts],
    }


@pytest.fixture
def held(account: BivouacAccount) -> BivouacAccount:
    account.holds(account.planned(environment()))
    return account


def wrote(account: BivouacAccount, group: str, stream: str, lines: list[str]) -> None:
    """A container's output, as the awslogs driver delivers it."""
    logs = account.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)  # CloudWatch Logs drops events that are old or in the future
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def written_to(account: BivouacAccount, container: str) -> tuple[str, str]:
    """The log group and stream of a container of the service web's task 0123."""
    definition = account.planned(environment()).service("web").definition
    assert definition is not None
    (options,) = [c["logConfiguration"]["options"] for c in definition["containerDefinitions"]]
    return options["awslogs-group"], f"{options['awslogs-stream-prefix']}/{container}/0123"


def kept(account: BivouacAccount) -> dict[str, Any]:
    """The record's text about the failure."""
    key = {"environment": {"S": "demo"}}
    item = account.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    return dict(json.loads(item["failure"]["S"]))


def test_the_cause_has_the_reason_the_last_lines_and_the_next_step(held: BivouacAccount) -> None:
    """H11, H22: in the execution's cause and in the record."""
    lines = [f"line {n}" for n in range(50)] + ["password=hunter2", "no database"]
    wrote(held, *written_to(held, "web"), lines)
    state = {**HELD, "progress": failed(EXITED)}
    told = held.invoke("diagnose_failure", {"state": state, "tries": 0})
    assert told["error"] == "DeploymentFailedError"
    assert told["superseded"] is False
    assert told["cause"].splitlines()[0] == "web: container exit: container web exited with code 3"
    for text in ("last lines of web:", "no database", "next step: Read the lines."):
        assert text in told["cause"]
    assert "hunter2" not in told["cause"]
    assert "line 1\n" not in told["cause"]
    assert held.record().status is Status.FAILED
    assert kept(held) == {
        "error": "DeploymentFailedError",
        "cause": told["cause"],
        "category": "container exit",
        "verdicts": [EXITED.to_json() | {"evidence": list(EXITED.evidence)}],
    }


def test_all_failed_services_are_reported(held: BivouacAccount) -> None:
    told = diagnosed(held, progress=failed(PULL, EXITED))
    assert told["cause"].splitlines()[0].startswith("api: image pull")
    assert "also web: container exit: container web exited with code 3" in told["cause"]
    assert [entry["service"] for entry in kept(held)["verdicts"]] == ["api", "web"]


def test_any_number_of_failures_fits_the_record(held: BivouacAccount) -> None:
    """A DynamoDB item has at most 400 KB, and the plan and the requests take most of it."""
    lines = tuple(f"{n}: " + "died of something " * 30 for n in range(8))
    many = [Verdict(Category.EXIT, f"service-{n}", lines, "Do.") for n in range(200)]
    told = diagnosed(held, progress=failed(*many))
    assert told["cause"].startswith("service-0: container exit: 0: died")
    assert len(json.dumps(kept(held)["verdicts"])) <= VERDICTS_LIMIT
    last = kept(held)["verdicts"][-1]
    assert last["evidence"][-1].endswith("more that failed")


def test_the_log_can_refine_the_diagnosis(held: BivouacAccount) -> None:
    wrote(held, *written_to(held, "web"), ["exec /app/server: exec format error"])
    told = diagnosed(held, progress=failed(EXITED))
    assert told["cause"].startswith("web: wrong CPU architecture")
    assert kept(held)["category"] == "wrong CPU architecture"


def test_an_edges_diagnosis_shows_its_proof_clients_lines(account: BivouacAccount) -> None:
    """P01: an edge is not a service; its client's output is in the proof's log group."""
    blueprint = account.planned(environment(web()))
    account.holds(blueprint)
    assert mesh.proof_clients(blueprint, 1), "an environment's endpoints are proven"
    wrote(account, blueprint.proof.log_group, "edge-1/edge-1/0123", ["web:80 HTTP 500"])
    edge = Verdict(Category.CONNECTIVITY, "web:web", ("web:web: wrong",), "Do.", TASK, "edge-1")
    told = diagnosed(account, progress=failed(edge))
    assert "    web:80 HTTP 500" in told["cause"]


def test_an_edges_diagnosis_is_what_its_proof_client_says_and_reads_like_a_sentence(
    account: BivouacAccount,
) -> None:
    """Of an edge that nobody knew more about than that it does not answer."""
    blueprint = account.planned(environment(web()))
    account.holds(blueprint)
    content = {"said": "HTTP 500, expected 200-399", "code": 12, "status": 500, "reached": True}
    line = json.dumps({"edge": "web:80", **content, "failures": 0, "asked": 0})
    wrote(account, blueprint.proof.log_group, "edge-1/edge-1/0123", [line, line[:40]])
    asked = Verdict(Category.NETWORK, "web:web", ("web:web: no answer",), "Look.", TASK, "edge-1")
    told = diagnosed(account, progress=failed(asked))
    assert told["cause"].startswith("web:web: connectivity: web:web: web:80 HTTP 500, expected")
    assert "    web:80 HTTP 500, expected 200-399" in told["cause"]
    assert '"expectStatus": "500" in the `probe` of web' in told["cause"]
    (verdict,) = kept(account)["verdicts"]
    assert verdict["edges"] == {"web:web": "web:80 HTTP 500, expected 200-399"}


def test_the_proxys_log_is_shown_if_there_is_one(account: BivouacAccount) -> None:
    options = {
        "awslogs-group": "/proxies",
        "awslogs-region": "ap-northeast-1",
        "awslogs-stream-prefix": "mesh",
    }
    logging = {"logDriver": "awslogs", "options": options}
    endpoint = {"portName": "web", "clientAliases": [{"port": 80}]}
    connect = {"enabled": True, "services": [endpoint], "logConfiguration": logging}
    blueprint = account.planned(environment(web(serviceConnectConfiguration=connect)))
    account.holds(blueprint)
    planned = blueprint.service("web").arguments["serviceConnectConfiguration"]
    used = planned["logConfiguration"]["options"]
    proxy = "ecs-service-connect-x"
    stream = f"{used['awslogs-stream-prefix']}/{proxy}/0123"
    wrote(account, used["awslogs-group"], stream, ["no listener"])
    verdict = Verdict(Category.EXIT, "web", ("exited",), "Do.", TASK, proxy)
    assert "    no listener" in diagnosed(account, progress=failed(verdict))["cause"]


def test_repeating_the_step_gives_the_same_text(held: BivouacAccount) -> None:
    progress = failed(PULL)
    assert diagnosed(held, progress=progress) == diagnosed(held, progress=progress)


def test_a_diagnosis_without_log_lines_is_better_than_none(held: BivouacAccount) -> None:
    """D17, S22: the log group is missing, or may not be read."""
    told = diagnosed(held, progress=failed(EXITED))
    assert "evidence: container web exited with code 3" in told["cause"]
    assert "last lines" not in told["cause"]


def test_an_endpoint_that_did_not_answer_is_reported(held: BivouacAccount) -> None:
    """P07, P09."""
    told = diagnosed(
        held,
        progress={"status": "HEALTHY"},
        probes={"private": answered([WEB], "NG"), "public": answered([WEB], "SKIP")},
    )
    assert told["error"] == "ConnectivityError"
    assert "web answers from inside the VPC" in told["cause"]


@pytest.mark.parametrize("status", ["FOUNDATION", "CREATE"])
def test_the_deadlines_diagnosis_says_what_waits_for_what(
    held: BivouacAccount, status: str
) -> None:
    needs = [{"serviceName": "api", "condition": "HEALTHY"}]
    progress = {"status": status, "blocked": [{"serviceName": "web", "needs": needs}]}
    event = {"progress": progress, "deadline": "2026-01-31T12:15:00Z"}
    answer = diagnosed(held, **event)
    assert answer["error"] == "DeploymentFailedError"
    assert answer["cause"].startswith("demo: out of time: web: waits for api (HEALTHY)")
    silent = diagnosed(held, **event, quiet={"Error": "States.Timeout", "Cause": ""})
    assert "no answer reached the execution until its deadline, 2026-01" in silent["cause"]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (json.dumps({"errorMessage": "cluster demo: no", "errorType": "X"}), "cluster demo: no"),
        ("not JSON at all", "not JSON at all"),
        ("[1, 2]", "[1, 2]"),
        ("{}", "{}"),
    ],
)
def test_a_failed_steps_error_is_the_cause(held: BivouacAccount, reason: str, told: str) -> None:
    answer = diagnosed(held, failure={"Error": "AccessDeniedError", "Cause": reason})
    assert (answer["error"], answer["cause"]) == ("AccessDeniedError", told)
    assert kept(held)["category"] == "unknown"


def test_a_step_that_timed_out_is_reported(held: BivouacAccount) -> None:
    """Then Step Functions gives a Catch an empty cause
    (tests/recorded/stepfunctions-task-timeouts.json)."""
    answer = diagnosed(held, failure=recording("stepfunctions-task-timeouts")["caught"])
    assert answer["error"] == "States.Timeout"
    assert answer["cause"] == "A step timed out: States.Timeout."
    assert kept(held)["cause"] == answer["cause"]


def test_a_known_refusal_gets_its_next_step() -> None:
    """S07."""

    def never(*_: Any) -> Any:
        raise AssertionError("ECS has nothing to say of it")

    message = "service web: CreateService answered: SC service is already used by arn:x"
    failure = {"Error": "RefusedByAwsError", "Cause": json.dumps({"errorMessage": message})}
    error, (verdict,) = create_verdicts.of(
        {**HELD, "failure": failure}, planned(environment()), never
    )
    assert error == "RefusedByAwsError"
    assert verdict.category is Category.SERVICE_CONNECT_LEFTOVER
    assert verdict.evidence == (message,)


def test_a_cause_fits_what_step_functions_takes(held: BivouacAccount) -> None:
    """W08."""
    answer = diagnosed(held, failure={"Error": "States.Timeout", "Cause": "x" * 100_000})
    assert len(answer["cause"]) == report.LIMIT


def test_a_superseded_create_leaves_the_record_alone(account: BivouacAccount) -> None:
    """W17, W18: the older execution's failure does not overwrite the newer one's state."""
    account.holds(account.planned(environment()), generation=2)
    answer = diagnosed(account, failure={"Error": "SupersededError", "Cause": "x"})
    assert answer["superseded"] is True
    assert account.record().status is Status.CREATING
    assert account.published == []


@pytest.mark.parametrize("status", [Status.READY, Status.DEGRADED])
def test_an_environment_recorded_as_ready_stays_ready(
    account: BivouacAccount, status: Status
) -> None:
    """The last step recorded the proof and died: that undoes nothing."""
    account.holds(account.planned(environment()))
    account.records.finish("demo", 1, status)
    crash = {"Error": "Runtime.ExitError", "Cause": json.dumps({"errorMessage": "it crashed"})}
    answer = diagnosed(account, failure=crash)
    assert (answer["superseded"], answer["error"]) == (True, "Runtime.ExitError")
    assert "it crashed" in answer["cause"]
    assert "is READY" in answer["cause"]
    record = account.record()
    assert (record.status, record.failure) == (status, {})
    assert account.published == []


def test_the_diagnosis_is_published_and_a_repetition_is_the_same_event(
    held: BivouacAccount,
) -> None:
    for _ in range(2):
        diagnosed(held, progress=failed(PULL, EXITED))
        held.pass_time(60)
    (type_, first), (_, again) = held.published
    assert type_ == "EnvironmentFailed"
    assert (first["status"], first["generation"]) == ("FAILED", 1)
    told = ("error", "category", "cause")
    diagnosis = first["diagnosis"]
    assert [diagnosis[name] for name in told] == [kept(held)[name] for name in told]
    assert [(verdict["service"], verdict["nextStep"]) for verdict in diagnosis["verdicts"]] == [
        ("api", PULL.next_step),
        ("web", EXITED.next_step),
    ]
    assert again["id"] == first["id"]


@pytest.mark.parametrize("code", ["InternalFailure", "AccessDenied"])
def test_a_diagnosis_that_cannot_be_published_is_kept_until_it_can(
    held: BivouacAccount, code: str
) -> None:
    """W04: the cause is still what failed; the sweep publishes it."""
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code}]}
    with Stubber(held.client("events")) as stubber:
        stubber.add_response("put_events", refused)
        answer = diagnosed(held, progress=failed(EXITED), tries=MOST_TRIES)
    assert answer["cause"].startswith("web: container exit: container web exited with code 3")
    record = held.record()
    assert (record.status, record.untold) == (Status.FAILED, "EnvironmentFailed")


def test_lines_are_found_behind_an_empty_page(held: BivouacAccount) -> None:
    """CloudWatch Logs may answer with no events although earlier pages have some."""
    pages: list[dict[str, Any]] = [
        {"events": [], "nextForwardToken": "f", "nextBackwardToken": "b/1"},
        {
            "events": [{"message": "no database"}],
            "nextForwardToken": "f",
            "nextBackwardToken": "b/2",
        },
    ]
    with Stubber(held.client("logs")) as stubber:
        for page in pages:
            stubber.add_response("get_log_events", page)
        told = diagnosed(held, progress=failed(EXITED))
        stubber.assert_no_pending_responses()
    assert "    no database" in told["cause"]
