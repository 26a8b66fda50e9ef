"""Every AWS call of a sleep, interrupted: it still ends asleep, and wakes proven."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from bivouac import errors
from bivouac.environment.record import Status
from tests.faults.copies import Copies, copies
from tests.faults.injection import Fault, Injection, at, injected, kinds
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, bivouac_account
from tests.functional.inventory import foreign_neighbours, inventory
from tests.functional.machines import SLEEP_STEPS, FunctionKilledError, Machines
from tests.requests import connection, environment, web

SHOP = environment(
    web(), web(serviceName="api", desiredCount=2), connect=[connection("web", "api")]
)
SLEEP = {"environment": "demo"}
WHOLE = ["bivouac-demo/api ACTIVE 2/2", "bivouac-demo/web ACTIVE 1/1"]
STOPPED = ["bivouac-demo/api ACTIVE 0/0", "bivouac-demo/web ACTIVE 0/0"]
CHANGES = ("dynamodb:UpdateItem", "ecs:TagResource", "ecs:UpdateService")
FAULTS = (Fault.KILLED, Fault.THROTTLED, Fault.ANSWER_LOST)


@contextmanager
def awake() -> Iterator[BivouacAccount]:
    with bivouac_account() as account:
        foreign_neighbours(account)
        Machines(account).create(SHOP)
        account.pass_time(SETTLED_SECONDS)
        account.forget_calls()
        yield account


def running(account: BivouacAccount) -> list[str]:
    """What runs of it, and what the record says."""
    account.pass_time(SETTLED_SECONDS)
    found = inventory(account)
    services = [line for line in found["services"] if line.startswith("bivouac-demo/")]
    return [*(line.partition(",")[0] for line in services), *found["records"]]


@cache
def calls() -> list[str]:
    """The calls of an undisturbed sleep."""
    with awake() as account:
        machines = Machines(account)
        machines.sleep(SLEEP)
        made = list(account.calls)
        assert set(machines.states) == {"asleep", *SLEEP_STEPS} - {"wait_for_change"}
        assert running(account) == [*STOPPED, "demo 2 ASLEEP"]
    return made


def hits(*faults: Fault) -> list[tuple[int, Fault]]:
    """The calls that a fault of these kinds can hit."""
    return [
        (number, fault)
        for number, call in enumerate(calls(), 1)
        for fault in faults
        if fault in kinds(call)
    ]


def one_of(due: list[tuple[int, Fault]], account: BivouacAccount, copied: Copies) -> Injection:
    """What hits a sleep: each of these in its own copy."""
    for number, fault in due:
        if copied.is_copy(f"{fault.value}, at call {number}: {calls()[number - 1]}"):
            account.forget_calls()
            return Injection(account, fault, at(number))
    copied.no_more()
    raise AssertionError("unreachable")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sleep_interrupted_at_any_call_ends_asleep(fault: Fault) -> None:
    """S21, W12, promise 5."""
    due = hits(fault)
    with awake() as account, copies() as copied:
        injection = one_of(due, account, copied)
        with injected(injection):
            assert Machines(account).sleep(SLEEP)["status"] == Status.ASLEEP
        assert injection.struck
        assert running(account) == [*STOPPED, "demo 2 ASLEEP"]


def test_an_interrupted_sleep_wakes_unchanged() -> None:
    """And nobody else's task has stopped (D18)."""
    due = [(n, fault) for n, fault in hits(Fault.KILLED) if calls()[n - 1] in CHANGES]
    with awake() as account, copies() as copied:
        neighbours = [line for line in inventory(account)["tasks"] if "theirs" in line]
        with injected(one_of(due, account, copied)):
            Machines(account).sleep(SLEEP)
        assert Machines(account).wake("demo")["status"] == "READY"
        assert running(account) == [*WHOLE, "demo 3 READY"]
        assert [line for line in inventory(account)["tasks"] if "theirs" in line] == neighbours


def dies(account: BivouacAccount, copied: Copies) -> None:
    """A sleep whose execution is gone for good after one of its changes."""
    changed = [(n, fault) for n, fault in hits(Fault.KILLED) if calls()[n - 1] in CHANGES]
    injection = one_of(changed, account, copied)
    with injected(injection), pytest.raises(FunctionKilledError):
        Machines(account, retried=errors.RETRIED).sleep(SLEEP)
    account.events.clear()


def test_a_killed_sleep_wakes_completely() -> None:
    """W13, W14: whatever was stopped by then is deployed, counted and proven again."""
    calls()
    with awake() as account, copies() as copied:
        dies(account, copied)
        assert Machines(account).wake("demo")["status"] == "READY"
        assert running(account)[:-1] == WHOLE


def test_a_killed_sleep_is_repaired_by_starting_again() -> None:
    calls()
    with awake() as account, copies() as copied:
        dies(account, copied)
        again = Machines(account).sleep(SLEEP, "again")
        assert again.get("reason", "it is already asleep") == "it is already asleep"
        assert running(account)[:-1] == STOPPED


def test_a_killed_sleep_can_be_deleted() -> None:
    calls()
    with awake() as account, copies() as copied:
        dies(account, copied)
        assert Machines(account).delete(SLEEP)["status"] == "DELETED"
        assert [line for line in running(account) if line.startswith("bivouac-demo/")] == []
