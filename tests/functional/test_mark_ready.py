"""Mark ready: only with the whole proof."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.stub import Stubber
from mark_ready import mark_ready

from bivouac import errors, times
from bivouac.environment.lease import Extension
from bivouac.environment.record import Status
from bivouac.notifications.notifier import MOST_TRIES
from bivouac.request.planning.summary import summary
from tests.functional.account import TABLE, BivouacAccount
from tests.functional.machines import answered
from tests.requests import environment, web

CHECK = {
    "service": "web",
    "name": "tasks running",
    "outcome": "OK",
    "observed": "1 of 1",
    "endpoint": "",
}
WEB = {"service": "web", "endpoint": "web"}
NAMESPACE = "arn:aws:servicediscovery:ap-northeast-1:123456789012:namespace/ns-1"
AT = "2026-01-31T12:00:00+00:00"
PROVEN = {
    "serviceName": "web",
    "taskDefinitionArn": "arn",
    "deploymentId": "ecs-svc/1",
    "deployedAt": AT,
}
PROGRESS: dict[str, Any] = {
    "status": "HEALTHY",
    "checks": [CHECK],
    "edges": {AT: ["web:web"]},
    "expected": [PROVEN],
    "namespaceArn": NAMESPACE,
}


def event(private: str | None = "OK", public: str | None = "OK", **changes: Any) -> dict[str, Any]:
    return {
        "environment": "demo",
        "generation": 1,
        "progress": PROGRESS,
        "probes": {
            "private": answered([WEB] if private else [], private or "OK"),
            "public": answered([WEB] if public else [], public or "OK"),
        },
        **changes,
    }


def marked(account: BivouacAccount, given: dict[str, Any]) -> dict[str, Any]:
    return mark_ready(given, account.now(), account.records, account.bus)


def test_a_proven_environment_is_ready_and_its_proof_is_kept(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    answer = account.invoke("mark_ready", event())
    assert (answer["status"], answer["cluster"]) == ("READY", "bivouac-demo")
    assert answer["namespace"] == "bivouac-demo"
    assert len(answer["proof"]) == 3
    record = account.record()
    assert record.status is Status.READY
    assert record.expected == [PROVEN]
    key = {"environment": {"S": "demo"}}
    item = account.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    assert "server: envoy" in item["proof"]["S"]
    assert answer["warnings"] == []


def test_the_plans_warnings_are_returned(account: BivouacAccount) -> None:
    """The second hour of a day in spring does not exist, whenever the test runs."""
    hours = {"timezone": "Europe/Berlin", "up": "cron(30 2 * * ? *)", "down": "cron(0 8 * * ? *)"}
    account.holds(account.planned(environment(schedule=hours)))
    (told,) = marked(account, event())["warnings"]
    assert told.startswith("schedule.up: Europe/Berlin has no 02:30 on ")


def test_the_record_keeps_the_whole_proof(account: BivouacAccount) -> None:
    """Whatever its size: a plan whose proof would not fit is refused (limits.py)."""
    account.holds(account.planned(environment()))
    every = {"private": answered([WEB] * 250), "public": answered([WEB] * 250)}
    answer = marked(account, event(probes=every))
    assert len(answer["proof"]) == 501
    key = {"environment": {"S": "demo"}}
    item = account.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    assert json.loads(item["proof"]["S"]) == answer["proof"]


def test_repeating_the_step_answers_the_same(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    assert marked(account, event()) == marked(account, event())


@pytest.mark.parametrize(("private", "public"), [("OK", "SKIP"), ("SKIP", "OK"), ("OK", None)])
def test_one_side_is_enough_if_the_other_cannot_be_probed(
    account: BivouacAccount, private: str, public: str | None
) -> None:
    account.holds(account.planned(environment()))
    assert marked(account, event(private, public))["status"] == "READY"


@pytest.mark.parametrize(
    ("private", "public"),
    [("NG", "OK"), ("OK", "NG"), ("SKIP", "SKIP"), (None, None), ("SKIP", None)],
)
def test_an_endpoint_without_an_answer_is_never_ready(
    account: BivouacAccount, private: str | None, public: str | None
) -> None:
    """Promise 1: SKIP is never READY."""
    account.holds(account.planned(environment()))
    with pytest.raises(errors.NotProvenError):
        marked(account, event(private, public))
    assert account.record().status is Status.CREATING


def test_a_failed_check_is_never_ready(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    progress = {**PROGRESS, "checks": [{**CHECK, "outcome": "NG"}]}
    with pytest.raises(errors.NotProvenError, match="a check is NG"):
        marked(account, event(progress=progress))


def test_an_edge_without_its_proof_is_never_ready(account: BivouacAccount) -> None:
    """P01, P08: a service that answers from outside may still not resolve inside the mesh."""
    account.holds(account.planned(environment()))
    progress = {**PROGRESS, "edges": {}}
    with pytest.raises(errors.NotProvenError, match="not proven: web:web"):
        marked(account, event(progress=progress))


def test_the_proofs_of_the_edges_are_kept_for_the_next_create(account: BivouacAccount) -> None:
    """All but the time follows from the blueprint and from which deployments are ready."""
    account.holds(account.planned(environment()))
    (told,) = marked(account, event())["edges"]
    record = account.record()
    (edge,) = record.edges
    assert edge["specification"]
    assert edge == {
        "edge": "web:web",
        "specification": edge["specification"],
        "client_deployment": "",
        "server_deployment": PROVEN["deploymentId"],
        "state": "OK",
        "observed": "web:80 answers",
        "at": AT,
    }
    assert told == {
        "from": None,
        "to": "web:web",
        "alias": "web:80",
        "state": "PROVEN",
        "because": None,
        "proven": True,
        "observed": "web:80 answers",
        "at": times.timestamp(times.moment(AT)),
    }
    assert record.namespace_arn == NAMESPACE


def test_every_endpoint_needs_its_own_proof(account: BivouacAccount) -> None:
    account.holds(account.planned(environment(web(), web(serviceName="shop"))))
    with pytest.raises(errors.NotProvenError, match="shop: shop"):
        marked(account, event())


def test_a_service_without_desired_tasks_needs_no_proof(account: BivouacAccount) -> None:
    account.holds(account.planned(environment(web(desiredCount=0))))
    assert marked(account, event(None, None))["status"] == "READY"


def test_a_superseded_create_marks_nothing_ready(account: BivouacAccount) -> None:
    """W17."""
    account.holds(account.planned(environment()), generation=2)
    with pytest.raises(errors.SupersededError):
        marked(account, event())
    assert account.published == []


def test_ready_is_published_and_a_repetition_is_the_same_event(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    account.invoke("mark_ready", event())
    account.pass_time(60)
    account.invoke("mark_ready", event())
    (type_, first), (_, again) = account.published
    assert type_ == "EnvironmentReady"
    assert {key: first[key] for key in ("name", "status", "generation", "cluster")} == {
        "name": "demo",
        "status": "READY",
        "generation": 1,
        "cluster": "bivouac-demo",
    }
    assert [(edge["to"], edge["proven"]) for edge in first["edges"]] == [("web:web", True)]
    assert again["id"] == first["id"]


def test_the_record_is_written_before_the_event_is_published(account: BivouacAccount) -> None:
    """A subscriber that reads after the event must find it."""
    account.holds(account.planned(environment()))
    account.forget_calls()
    marked(account, event())
    assert account.mutating_calls == ["dynamodb:UpdateItem", "events:PutEvents"]


def test_an_unproven_environment_is_not_published(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    with pytest.raises(errors.NotProvenError):
        marked(account, event("NG"))
    assert account.published == []


def refusing(account: BivouacAccount, code: str = "InternalFailure") -> Stubber:
    stubber = Stubber(account.client("events"))
    stubber.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code}]})
    return stubber


def untold(account: BivouacAccount) -> str:
    record = account.record()
    assert record.status is Status.READY
    return record.untold


def test_a_failed_publication_is_retried(account: BivouacAccount) -> None:
    """W04: not swallowed; the machine repeats the step."""
    account.holds(account.planned(environment()))
    with refusing(account), pytest.raises(errors.RETRIED):
        marked(account, event())
    assert marked(account, event(tries=1))["status"] == "READY"
    assert untold(account) == ""


@pytest.mark.parametrize(("code", "tries"), [("InternalFailure", MOST_TRIES), ("AccessDenied", 0)])
def test_an_unpublished_environment_is_ready_and_the_sweep_publishes_it(
    account: BivouacAccount, code: str, tries: int
) -> None:
    account.holds(account.planned(environment()))
    with refusing(account, code):
        assert marked(account, event(tries=tries))["status"] == "READY"
    assert untold(account) == "EnvironmentReady"
    account.forget_calls()

    account.invoke("sweep_environments", {"dryRun": False})

    ((kind, detail),) = account.published
    assert (kind, detail["status"]) == ("EnvironmentReady", "READY")
    assert [edge["to"] for edge in detail["edges"]] == ["web:web"]
    assert [service["name"] for service in detail["services"]] == ["web"]
    assert untold(account) == ""
    account.forget_calls()
    account.invoke("sweep_environments", {"dryRun": False})
    assert "EnvironmentReady" not in [kind for kind, _ in account.published]


def test_the_event_has_the_lease_that_was_extended_meanwhile(account: BivouacAccount) -> None:
    """The record's end counts, not the one with which the create began."""
    record = account.holds(account.planned(environment()))
    account.records.extend(record, "2030-01-02T00:00:00Z", Extension(account.now(), None))
    answer = marked(account, event())
    ((_, told),) = account.published
    assert answer["expiresAt"] == told["expiresAt"] == "2030-01-02T00:00:00Z"


def test_a_service_without_an_endpoint_is_said_to_be_not_proven(account: BivouacAccount) -> None:
    """READY says of it only that its tasks run: in the plan, the result and the status."""
    worker = web(
        primaryContainer=None,
        taskDefinition={
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [
                {"name": "app", "image": "nginx", "portMappings": [{"containerPort": 80}]}
            ],
        },
    )
    blueprint = account.planned(environment(worker))
    account.holds(blueprint)
    answer = marked(account, event(None, None))
    why = "nothing to ask: it has no endpoint"
    assert ("not proven", "SKIP", why) in [
        (each["name"], each["outcome"], each["observed"]) for each in answer["proof"]
    ]
    assert summary(blueprint, [])["services"][0]["notProven"] == why
    status = account.invoke("describe_environments", {"environment": "demo"})
    assert status["services"][0]["notProven"] == why
