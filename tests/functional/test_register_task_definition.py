"""Register task definition: one revision for one content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from register_task_definition import register_task_definition

from bivouac import errors
from bivouac.aws import ecs
from tests.functional.account import BivouacAccount
from tests.functional.inventory import definition
from tests.requests import environment, web

FAMILY = "bivouac-demo--web"


def step(account: BivouacAccount, image: str = "nginx") -> str:
    container = {"image": image, "containerPort": 80}
    blueprint = account.planned(environment(web(primaryContainer=container)))
    answer = register_task_definition(blueprint, "web", account.client("ecs"))
    return str(answer["taskDefinitionArn"]).rpartition("/")[2]


def registrations(account: BivouacAccount) -> int:
    return account.calls.count("ecs:RegisterTaskDefinition")


def test_the_revision_is_named_by_its_arn(account: BivouacAccount) -> None:
    """T09: never read back by family."""
    assert step(account) == f"{FAMILY}:1"
    _, tags = ecs.describe_task_definition(account.client("ecs"), f"{FAMILY}:1")
    assert (tags["bivouac:stack"], tags["bivouac:environment"]) == ("bivouac", "demo")


def test_the_same_content_is_never_registered_again(account: BivouacAccount) -> None:
    """T02, T03: the hash stands for the token that this call does not have."""
    step(account)
    assert step(account) == f"{FAMILY}:1"
    assert registrations(account) == 1


def test_other_content_is_another_revision(account: BivouacAccount) -> None:
    step(account)
    assert step(account, "nginx:2") == f"{FAMILY}:2"
    assert step(account, "nginx:2") == f"{FAMILY}:2"
    assert registrations(account) == 2


def test_a_deregistered_revision_is_registered_anew(account: BivouacAccount) -> None:
    """T10: an inactive revision cannot be used by a service."""
    step(account)
    account.client("ecs").deregister_task_definition(taskDefinition=f"{FAMILY}:1")
    assert step(account) == f"{FAMILY}:2"


def test_a_family_that_is_not_ours_is_refused_and_left(account: BivouacAccount) -> None:
    """D18: a stranger's family never gains our revisions."""
    account.client("ecs").register_task_definition(**definition(FAMILY))
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match=f"family {FAMILY}"):
        step(account)
    assert account.mutating_calls == []


def test_an_existing_definition_is_named_without_any_call(account: BivouacAccount) -> None:
    blueprint = account.planned(environment())
    theirs = replace(blueprint.services[0], definition=None, existing_definition="arn:theirs:3")
    account.forget_calls()
    answer: dict[str, Any] = register_task_definition(
        replace(blueprint, services=(theirs,)), "web", account.client("ecs")
    )
    assert answer == {"taskDefinitionArn": "arn:theirs:3"}
    assert account.calls == []


def test_its_client_never_sends_a_call_twice(account: BivouacAccount) -> None:
    """T03: botocore sends a call whose answer is lost again by itself."""
    client = account.client("ecs_sent_once")
    assert client.meta.config.retries["total_max_attempts"] == 1


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    event = {"environment": "demo", "generation": 1, "serviceName": "web"}
    answer = account.invoke("register_task_definition", event)
    assert answer["taskDefinitionArn"].endswith(f"{FAMILY}:1")
