"""Stop services: every task stops, clients first; a wake recovers from any interruption."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from stop_services import stop_services

from bivouac import errors
from bivouac.aws import ecs
from bivouac.environment import naming
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.services.convergence import differs, wanted_services
from tests.faults.injection import Fault, Injection, at, injected
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, bivouac_account
from tests.functional.machines import FunctionKilledError
from tests.requests import connection, environment, web

SHOP = environment(
    web(),
    web(serviceName="api", desiredCount=2),
    web(serviceName="backend"),
    connect=[connection("web", "api"), connection("api", "backend")],
)
CLIENTS_FIRST = ["web", "api", "backend"]


def stopped(account: BivouacAccount) -> list[str]:
    """The names, as the function returns them."""
    answer = account.invoke("stop_services", {"environment": "demo", "generation": 1})
    names: list[str] = answer["names"]
    return names


def services(account: BivouacAccount, *names: str) -> dict[str, dict[str, Any]]:
    return ecs.describe_services(account.client("ecs"), "bivouac-demo", names or CLIENTS_FIRST)


def counts(account: BivouacAccount) -> dict[str, tuple[int, int]]:
    return {
        name: (service["desiredCount"], service["runningCount"])
        for name, service in services(account).items()
    }


def marks(account: BivouacAccount) -> list[str]:
    return [
        name
        for name, service in services(account).items()
        if from_ecs_tags(service["tags"])[naming.SPECIFICATION_TAG] == naming.ASLEEP
    ]


def test_every_task_stops_and_everything_else_stays(account: BivouacAccount) -> None:
    account.healthy(SHOP)
    before = services(account)
    assert stopped(account) == CLIENTS_FIRST
    account.pass_time(SETTLED_SECONDS)
    assert set(counts(account).values()) == {(0, 0)}
    for name, service in services(account).items():
        assert service["status"] == "ACTIVE"
        assert service["deployments"][0]["id"] == before[name]["deployments"][0]["id"]
        assert service["taskDefinition"] == before[name]["taskDefinition"]
        owned = from_ecs_tags(service["tags"])
        assert naming.is_owned(owned, "bivouac", "demo"), name


def test_clients_stop_before_their_servers(account: BivouacAccount) -> None:
    """D14: no client calls a server that has stopped."""
    account.healthy(SHOP)
    stopped(account)
    asked = [
        request["body"]
        for call, request in zip(account.calls, account.requests, strict=True)
        if call == "ecs:UpdateService"
    ]
    order = [next(name for name in CLIENTS_FIRST if f'"{name}"' in str(body)) for body in asked]
    assert order == CLIENTS_FIRST


def test_each_service_is_marked_before_its_tasks_stop(account: BivouacAccount) -> None:
    account.healthy(environment())
    stopped(account)
    assert account.mutating_calls == ["ecs:TagResource", "ecs:UpdateService"]


def test_a_wake_deploys_every_stopped_service_whatever_was_interrupted(
    account: BivouacAccount,
) -> None:
    """Killed after any call: no service is without tasks and taken for unchanged."""
    blueprint = account.healthy(SHOP)
    namespace = account.namespace(blueprint)
    wanted = wanted_services(
        blueprint, blueprint.services, namespace, account.definitions(blueprint)
    )
    for number in range(1, 20):
        account.forget_calls()
        killed = Injection(account, Fault.KILLED, at(number))
        with injected(killed), suppress(FunctionKilledError):
            stopped(account)
        for name, service in services(account).items():
            if service["desiredCount"] == 0:
                assert differs(wanted[name], service) == "it is asleep", (number, name)
        if not killed.struck:
            break
    assert marks(account) == CLIENTS_FIRST


def test_a_repetition_changes_nothing(account: BivouacAccount) -> None:
    account.healthy(SHOP)
    stopped(account)
    account.pass_time(SETTLED_SECONDS)
    account.forget_calls()
    assert stopped(account) == CLIENTS_FIRST
    assert account.mutating_calls == []


def test_a_service_started_again_is_stopped_again(account: BivouacAccount) -> None:
    account.healthy(environment())
    stopped(account)
    account.client("ecs").update_service(cluster="bivouac-demo", service="web", desiredCount=3)
    account.forget_calls()
    stopped(account)
    assert account.mutating_calls == ["ecs:UpdateService"]


def test_leftover_proof_clients_stop_too(account: BivouacAccount) -> None:
    account.create(SHOP)
    account.pass_time(SETTLED_SECONDS)
    names = stopped(account)
    assert names[0].startswith(naming.PROOF_PREFIX)
    assert names[1:] == CLIENTS_FIRST


def test_a_strangers_service_is_not_touched(account: BivouacAccount) -> None:
    """D18."""
    account.healthy(environment())
    arn = services(account, "web")["web"]["serviceArn"]
    account.client("ecs").untag_resource(resourceArn=arn, tagKeys=[naming.STACK_TAG])
    account.forget_calls()
    assert stopped(account) == []
    assert account.mutating_calls == []


def test_without_a_cluster_there_is_nothing_to_stop(account: BivouacAccount) -> None:
    """C07: a first create failed before it created one."""
    blueprint = account.planned(environment())
    account.holds(blueprint)
    assert stop_services(blueprint, account.client("ecs")) == {"names": []}


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.THROTTLED])
def test_an_interruption_at_any_call_is_repaired_by_a_repetition(fault: Fault) -> None:
    for number in range(1, 20):
        with bivouac_account() as account:
            account.healthy(SHOP)
            hit = Injection(account, fault, at(number))
            with injected(hit), suppress(errors.ThrottledError, FunctionKilledError):
                stopped(account)
            assert stopped(account) == CLIENTS_FIRST
            account.pass_time(SETTLED_SECONDS)
            assert set(counts(account).values()) == {(0, 0)}, number
            assert marks(account) == CLIENTS_FIRST, number
            if not hit.struck:
                return
