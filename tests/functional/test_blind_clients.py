"""Clients deployed before ECS knows an endpoint everywhere never resolve it, and are deployed
again.

Reported for services that are created together (ben-foster.dev, March 2024; github.com/aws/
containers-roadmap, issue 2692): a task resolves what existed when its deployment began (P08)."""

from __future__ import annotations

import json

import pytest

from bivouac.diagnosis.aws_messages import Category
from bivouac.environment.record import Status
from tests.functional.account import BivouacAccount
from tests.functional.machines import Machines, NotReadyError
from tests.requests import connection, environment, web

SHOP = environment(web(), web(serviceName="api"), connect=[connection("web", "api")])
PROOF = "bivouac-proof-1-1"


def updates(account: BivouacAccount) -> list[str]:
    """The services that were updated, in order."""
    asked = zip(account.calls, account.requests, strict=True)
    bodies = [request["body"] for call, request in asked if call == "ecs:UpdateService"]
    return [json.loads(body)["service"] for body in bodies]


def test_a_client_deployed_too_early_is_deployed_again(account: BivouacAccount) -> None:
    """So is the application's own client, which is as old and cannot call it either."""
    account.plane.endpoint_lag = 5.0
    Machines(account).create(SHOP)
    assert account.record().status is Status.READY
    assert sorted(updates(account)) == [PROOF, "web"]


def test_a_client_that_still_does_not_resolve_is_diagnosed_after_one_deployment(
    account: BivouacAccount,
) -> None:
    account.plane.endpoint_lag = 1e6
    with pytest.raises(NotReadyError) as caught:
        Machines(account).create(SHOP)
    (verdict,) = caught.value.progress["verdicts"]
    assert verdict["category"] == Category.CONNECTIVITY
    assert "does not resolve" in verdict["evidence"][0]
    assert updates(account).count(PROOF) == 1


def test_a_client_that_resolves_is_left_alone(account: BivouacAccount) -> None:
    Machines(account).create(SHOP)
    assert updates(account) == []


def test_a_server_deployed_again_is_proven_by_a_client_that_calls_its_new_tasks(
    account: BivouacAccount,
) -> None:
    """The middle one of three, which calls and is called: answers of its old tasks do not count."""
    services = [web(), web(serviceName="api"), web(serviceName="store")]
    chain = [connection("web", "api"), connection("api", "store")]
    account.plane.endpoint_lag = 5.0
    Machines(account).create(environment(*services, connect=chain))
    record = account.record()
    assert sorted(updates(account)) == ["api", PROOF, "web"]
    assert updates(account)[-1] == PROOF
    described = account.client("ecs").describe_services(
        cluster="bivouac-demo", services=["web", "api", "store"]
    )["services"]
    current = {each["serviceName"]: each["deployments"][0]["id"] for each in described}
    proofs = record.edges
    assert {(each["edge"], each["server_deployment"]) for each in proofs} == {
        ("web -> api:api", current["api"]),
        ("api -> store:store", current["store"]),
    }
