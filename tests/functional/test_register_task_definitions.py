"""Register task definitions: one revision for each definition that differs, never two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from register_task_definitions import register_task_definitions

from bivouac import errors
from bivouac.aws import ecs
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.services.revisions import MOST_EARLIER
from tests.faults.injection import Fault, Injection, at, injected
from tests.functional.account import HISTORY_SECONDS, BivouacAccount, small_pages
from tests.functional.inventory import definition
from tests.functional.machines import FunctionKilledError
from tests.requests import environment, web

FAMILY = "bivouac-demo--web"
PROOF = "bivouac-demo--bivouac-proof-1"
NEWER = web(primaryContainer={"image": "nginx:2", "containerPort": 80})


def step(account: BivouacAccount, *services: dict[str, Any], generation: int = 1) -> dict[str, str]:
    """Families to revisions, `web: 1`."""
    arns = account.definitions(account.planned(environment(*services)), generation)
    return {family: arn.rpartition("/")[2] for family, arn in arns.items()}


def recorded(account: BivouacAccount) -> list[str]:
    return sorted(arn.rpartition("/")[2] for arn in account.record().task_definitions)


def test_every_service_and_every_proof_client_has_its_definition(account: BivouacAccount) -> None:
    """T09: the ARN with the revision, from the answer."""
    shop = "bivouac-demo--shop"
    assert step(account, web(), web(serviceName="shop")) == {
        FAMILY: f"{FAMILY}:1",
        shop: f"{shop}:1",
        PROOF: f"{PROOF}:1",
    }
    _, tags = ecs.describe_task_definition(account.client("ecs"), FAMILY)
    assert (tags["bivouac:stack"], tags["bivouac:environment"]) == ("bivouac", "demo")
    assert recorded(account) == sorted([f"{FAMILY}:1", f"{shop}:1", f"{PROOF}:1"])


def test_without_families_nothing_is_read(account: BivouacAccount) -> None:
    """T08: what cannot exist is not read."""
    account.holds(account.planned(environment()))
    account.forget_calls()
    step(account)
    assert account.calls == [
        "dynamodb:GetItem",
        "dynamodb:GetItem",
        "ecs:ListTaskDefinitionFamilies",
        *["ecs:RegisterTaskDefinition"] * 2,
        "dynamodb:UpdateItem",
    ]


def test_a_second_create_registers_nothing(account: BivouacAccount) -> None:
    """T02, T03: also in a later generation."""
    first = step(account)
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    assert step(account, generation=2) == first
    assert "ecs:RegisterTaskDefinition" not in account.calls


def test_only_what_differs_gets_a_revision(account: BivouacAccount) -> None:
    """T02."""
    shop = web(serviceName="shop")
    step(account, web(), shop)
    account.forget_calls()
    second = step(account, NEWER, shop)
    assert second[FAMILY] == f"{FAMILY}:2"
    assert account.calls.count("ecs:RegisterTaskDefinition") == 1
    assert recorded(account)[-2:] == [f"{FAMILY}:1", f"{FAMILY}:2"]


def test_a_deregistered_revision_is_not_reused(account: BivouacAccount) -> None:
    """T05: tasks of INACTIVE revisions do not start."""
    step(account)
    account.client("ecs").deregister_task_definition(taskDefinition=f"{FAMILY}:1")
    assert step(account)[FAMILY] == f"{FAMILY}:2"


def test_a_family_that_is_not_ours_is_refused_and_left(account: BivouacAccount) -> None:
    """D18: a stranger's family never gets our revisions."""
    account.client("ecs").register_task_definition(**definition(FAMILY))
    account.holds(account.planned(environment()))
    account.forget_calls()
    with pytest.raises(errors.ForeignResourceError, match=f"family {FAMILY}"):
        step(account)
    assert "ecs:RegisterTaskDefinition" not in account.calls


def test_an_existing_definition_is_not_registered(account: BivouacAccount) -> None:
    blueprint = account.planned(environment())
    theirs = replace(blueprint.services[0], definition=None, existing_definition="arn:theirs:3")
    assert set(account.definitions(replace(blueprint, services=(theirs,)))) == {PROOF}


def test_its_client_does_not_retry_by_itself(account: BivouacAccount) -> None:
    """T03: botocore would repeat a call whose answer is lost."""
    client = account.client("ecs_sent_once")
    assert client.meta.config.retries["total_max_attempts"] == 1


def test_a_revision_whose_answer_was_lost_is_found(account: BivouacAccount) -> None:
    """T03, S21: the call has no token; the tag with the content's hash replaces it."""
    account.holds(account.planned(environment()))
    account.forget_calls()
    lost = Injection(
        account, Fault.ANSWER_LOST, lambda _, call: call.endswith(":RegisterTaskDefinition")
    )
    with injected(lost), pytest.raises(errors.UnavailableError, match=FAMILY):
        step(account)
    assert step(account)[FAMILY] == f"{FAMILY}:1"


@pytest.mark.parametrize("number", range(4, 6))
def test_a_killed_step_registers_nothing_twice(account: BivouacAccount, number: int) -> None:
    """T03: and in the end the record names every revision."""
    account.holds(account.planned(environment()))
    account.forget_calls()
    killed = injected(Injection(account, Fault.KILLED, at(number)))
    with killed, pytest.raises(FunctionKilledError):
        step(account)
    assert step(account) == {FAMILY: f"{FAMILY}:1", PROOF: f"{PROOF}:1"}
    assert recorded(account) == sorted([f"{FAMILY}:1", f"{PROOF}:1"])


def test_registered_revisions_are_recorded_even_if_the_rest_is_refused(
    account: BivouacAccount,
) -> None:
    """S22, T12: the deletion does not have to search for it."""
    account.holds(account.planned(environment()))
    account.forget_calls()
    denied = Injection(account, Fault.DENIED, at(5))
    with injected(denied), pytest.raises(errors.AccessDeniedError, match=PROOF):
        step(account)
    assert recorded(account) == [f"{FAMILY}:1"]


def test_every_page_of_families_is_read(account: BivouacAccount) -> None:
    """D16."""
    services = [web(serviceName=f"web-{number}") for number in range(4)]
    first = step(account, *services)
    account.forget_calls()
    with small_pages(account):
        assert step(account, *services) == first
    assert account.calls.count("ecs:ListTaskDefinitionFamilies") >= 5
    assert "ecs:RegisterTaskDefinition" not in account.calls


def test_a_superseded_create_registers_nothing(account: BivouacAccount) -> None:
    """W17."""
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    with pytest.raises(errors.SupersededError):
        register_task_definitions("demo", 1, account.records, account.client("ecs_sent_once"))
    assert account.changes == []


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    answer = account.invoke("register_task_definitions", {"environment": "demo", "generation": 1})
    assert answer["arns"][FAMILY].endswith(f"{FAMILY}:1")
    described = account.client("ecs").describe_task_definition(
        taskDefinition=answer["arns"][PROOF], include=["TAGS"]
    )
    assert from_ecs_tags(described["tags"])["bivouac:environment"] == "demo"


class TestRollBack:
    """The last proven request runs again in the same revision."""

    def test_a_revision_that_ran_before_is_reused(self, account: BivouacAccount) -> None:
        first = step(account)
        assert step(account, NEWER)[FAMILY] == f"{FAMILY}:2"
        account.forget_calls()
        assert step(account) == first
        assert "ecs:RegisterTaskDefinition" not in account.calls

    def test_a_revision_deregistered_or_deleted_since_is_not_reused(
        self, account: BivouacAccount
    ) -> None:
        """T05, T13."""
        step(account)
        step(account, NEWER)
        client = account.client("ecs")
        client.deregister_task_definition(taskDefinition=f"{FAMILY}:1")
        assert step(account)[FAMILY] == f"{FAMILY}:3"
        client.deregister_task_definition(taskDefinition=f"{FAMILY}:3")
        client.delete_task_definitions(taskDefinitions=[f"{FAMILY}:1", f"{FAMILY}:3"])
        account.pass_time(HISTORY_SECONDS)
        assert step(account)[FAMILY] == f"{FAMILY}:4"

    def test_only_the_latest_revisions_are_read(self, account: BivouacAccount) -> None:
        for number in range(MOST_EARLIER + 3):
            image = f"nginx:{number}"
            step(account, web(primaryContainer={"image": image, "containerPort": 80}))
        account.forget_calls()
        step(account, web(primaryContainer={"image": "nginx:new", "containerPort": 80}))
        assert account.calls.count("ecs:DescribeTaskDefinition") <= MOST_EARLIER + 2


def test_the_record_names_a_limited_number_of_revisions(
    account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item has 400 KB; the deletion of a record with that many searches for them."""
    monkeypatch.setattr("bivouac.environment.record.DEFINITIONS_KEPT", 2)
    step(account)
    named = recorded(account)
    step(account, NEWER)
    assert recorded(account) == named
