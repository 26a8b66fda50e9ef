"""Delete proof clients: deletes what called the edges, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac import errors
from bivouac.aws import ecs
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import SETTLED_SECONDS, BivouacAccount
from tests.requests import environment, web

PROOF = "bivouac-proof-1-1"


def step(account: BivouacAccount, *names: str, generation: int = 1) -> dict[str, Any]:
    expected = [{"serviceName": name} for name in names]
    held = {"environment": "demo", "generation": generation}
    return account.invoke("delete_proof_clients", {**held, "expected": expected})


def there(account: BivouacAccount) -> list[str]:
    return sorted(ecs.list_services(account.client("ecs"), "bivouac-demo"))


def test_only_this_creates_proof_clients_are_deleted(account: BivouacAccount) -> None:
    """D01: by force, because they desire a task."""
    made = [entry.service_name for entry in account.create(environment(web()))]
    account.pass_time(SETTLED_SECONDS)
    assert sorted(made) == [PROOF, "web"]
    account.forget_calls()
    assert step(account, *made) == {"deleted": [PROOF]}
    assert account.changes == ["ecs:DeleteService"]
    account.pass_time(SETTLED_SECONDS)
    assert there(account) == ["web"]


def test_a_client_that_is_already_gone_is_no_error(account: BivouacAccount) -> None:
    """D04: repeated while they drain and afterwards."""
    account.create(environment())
    for _ in range(3):
        assert step(account, "web", PROOF) == {"deleted": [PROOF]}
        account.pass_time(3600)
    assert there(account) == ["web"]


def test_if_everything_was_proven_before_nothing_is_called(account: BivouacAccount) -> None:
    account.holds(account.healthy(environment()))
    account.forget_calls()
    assert step(account, "web") == {"deleted": []}
    assert account.calls == ["dynamodb:GetItem"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.THROTTLED, errors.ThrottledError), (Fault.DENIED, errors.AccessDeniedError)],
)
def test_a_refusal_names_the_client(
    account: BivouacAccount, fault: Fault, error: type[Exception]
) -> None:
    """S20, S22."""
    account.create(environment())
    refused = Injection(account, fault, lambda _, call: call == "ecs:DeleteService")
    with injected(refused), pytest.raises(error, match=f"service {PROOF}"):
        step(account, PROOF)


def test_a_superseded_create_deletes_nothing(account: BivouacAccount) -> None:
    """W17."""
    account.create(environment())
    account.holds(account.planned(environment()), generation=2)
    account.forget_calls()
    with pytest.raises(errors.SupersededError):
        step(account, PROOF)
    assert account.changes == []
