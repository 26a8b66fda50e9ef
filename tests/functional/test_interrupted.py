"""Every AWS call of a create and of a delete, hit by every kind of fault that can hit it.

Whatever was interrupted, repeating the step as the state machine does must end in exactly what an
undisturbed run leaves: nothing twice, nothing missing, nothing foreign touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from bivouac import errors
from tests.faults.injection import (
    ON_CHANGES,
    ON_READS,
    Fault,
    Injection,
    at,
    injected,
    kinds,
    only_reads,
)
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, bivouac_account
from tests.functional.inventory import Inventory, foreign_neighbours, inventory
from tests.functional.machines import (
    CREATE_STEPS,
    DELETE_STEPS,
    FunctionKilledError,
    Machines,
    outcomes,
)
from tests.requests import environment

REQUEST = environment()
DELETION = {"environment": "demo", "reason": "asked for"}
READING_STEPS = {"check_request"}


REFUSALS = (Fault.THROTTLED, Fault.UNAVAILABLE, Fault.RESET)
"""All of them leave nothing behind and are repeated, so that the calls take turns with them."""
KINDS = tuple(fault for fault in ON_CHANGES if fault not in REFUSALS[1:])


def of_this_call(fault: Fault, number: int, call: str) -> Fault:
    if fault is Fault.THROTTLED and not only_reads(call):
        return REFUSALS[number % len(REFUSALS)]
    return fault


def cases(steps: tuple[str, ...]) -> list[Any]:
    """Each step with each kind of fault that can hit one of its calls."""
    return [
        pytest.param(step, fault, id=f"{step}-{fault.name}")
        for step in steps
        for fault in (ON_READS if step in READING_STEPS else KINDS)
    ] + [
        pytest.param(step, Fault.WRAPPED_THROTTLE, id=f"{step}-WRAPPED_THROTTLE")
        for step in steps
        if step == "create_services"
    ]


@dataclass
class Run:
    """One run of a state machine: which calls belong to which step, and what it left."""

    calls: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """By step: the number of each call in the run, and its name."""
    output: dict[str, Any] = field(default_factory=dict)
    left: Inventory = field(default_factory=dict)


def run(account: BivouacAccount, deletes: bool) -> Run:
    """Create the environment, or delete it, and say what happened."""
    begun: list[tuple[str, int]] = []
    machines = Machines(account, lambda step: begun.append((step, len(account.calls))))
    account.forget_calls()
    output = machines.delete(DELETION) if deletes else machines.create(REQUEST)
    done = Run(output=output)
    ends = [start for _, start in begun[1:]] + [len(account.calls)]
    for (step, start), end in zip(begun, ends, strict=True):
        numbered = list(enumerate(account.calls[start:end], start + 1))
        done.calls.setdefault(step, []).extend(numbered)
    done.left = settled(account)
    return done


def settled(account: BivouacAccount) -> Inventory:
    """What there is once the proof clients' tasks have stopped, for which nobody waits."""
    account.pass_time(SETTLED_SECONDS)
    return inventory(account)


@cache
def undisturbed() -> tuple[Run, Run]:
    with bivouac_account() as account:
        foreign_neighbours(account)
        return run(account, deletes=False), run(account, deletes=True)


def test_an_undisturbed_run_makes_one_of_each_and_takes_away_all_of_it() -> None:
    """D14, D16, D18: the measure for every disturbed run below."""
    created, deleted = undisturbed()

    assert [line for line in created.left["namespaces"] if line == "bivouac-demo"]
    assert len([line for line in created.left["clusters"] if line.startswith("bivouac-demo ")]) == 1
    assert [line for line in created.left["services"] if line.startswith("bivouac-demo/")] == [
        "bivouac-demo/web ACTIVE 1/1, 1 deployment(s), bivouac-demo--web:1",
    ]
    assert created.left["records"] == ["demo 1 READY"]
    assert created.left["schedules"] == ["demo-expiry"]

    assert deleted.output["status"] == "DELETED"
    assert deleted.left["records"] == ["demo 2 DELETED"]
    assert deleted.left["schedules"] == []
    assert {key: lines for key, lines in deleted.left.items() if key != "records"} == {
        "clusters": ["bivouac-demo-2 ACTIVE not ours", "theirs ACTIVE not ours"],
        "services": ["theirs/web ACTIVE 1/1, 1 deployment(s), theirs:1"],
        "tasks": ["theirs service:web RUNNING"],
        "definitions": [
            "bivouac-demo--webshop:1 ACTIVE",
            "bivouac-demo-2--web:1 ACTIVE",
            "theirs:1 ACTIVE",
        ],
        "namespaces": ["theirs"],
        "discovery": ["web with 1 instance(s)"],
        "logs": ["/bivouac-demo-2/web None", "/bivouac-demo/theirs None", "/theirs None"],
        "schedules": [],
    }
    retained = [key for key, outcome in outcomes(deleted.output).items() if outcome == "RETAINED"]
    assert sorted(name.rpartition("/")[2] for _, name in retained) == [
        "bivouac-demo--webshop:1",
        "theirs",
    ]


def disturbances(step: str, fault: Fault, deletes: bool) -> list[tuple[int, str]]:
    """The calls of a step that the fault can hit."""
    calls = undisturbed()[deletes].calls[step]
    found = [(number, call) for number, call in calls if fault in kinds(call)]
    assert found, f"nothing in {step} can be hit by {fault.value}"
    return found


@pytest.mark.parametrize(("step", "fault"), cases(CREATE_STEPS))
def test_a_create_interrupted_at_any_call_ends_as_if_nothing_had_happened(
    step: str, fault: Fault
) -> None:
    """S01, S03, S20, S21, T02, T03, N01, N02, C03, W17: safe to repeat, nothing is made twice."""
    wanted = undisturbed()[0]
    for number, call in disturbances(step, fault, deletes=False):
        with bivouac_account() as account:
            foreign_neighbours(account)
            kind = of_this_call(fault, number, call)
            with injected(Injection(account, kind, at(number))) as injection:
                done = run(account, deletes=False)
            where = f"{kind.value}, at call {number} of {step}: {call}"
            assert injection.struck, where
            assert done.left == wanted.left, where
            assert done.output["status"] == "READY", where


@pytest.mark.parametrize(("step", "fault"), cases(DELETE_STEPS))
def test_a_delete_interrupted_at_any_call_leaves_nothing_of_ours_and_all_that_is_foreign(
    step: str, fault: Fault
) -> None:
    """D04, D05, D10, D18, N12, N13, S20, S21: complete, with nothing foreign touched."""
    wanted = undisturbed()[1]
    for number, call in disturbances(step, fault, deletes=True):
        with bivouac_account() as account:
            foreign_neighbours(account)
            Machines(account).create(REQUEST)
            kind = of_this_call(fault, number, call)
            with injected(Injection(account, kind, at(number))) as injection:
                done = run(account, deletes=True)
            where = f"{kind.value}, at call {number} of {step}: {call}"
            assert injection.struck, where
            assert done.left == wanted.left, where
            assert done.output["status"] == "DELETED", where
            assert outcomes(done.output).keys() == outcomes(wanted.output).keys(), where


def dies_in_a_create(account: BivouacAccount, number: int) -> None:
    """A create whose execution is gone for good after its call of that number."""
    foreign_neighbours(account)
    account.forget_calls()
    killed = injected(Injection(account, Fault.KILLED, at(number)))
    with killed, pytest.raises(FunctionKilledError):
        Machines(account, retried=errors.RETRIED).create(REQUEST)
    account.forget_calls()


def without_records(left: Inventory) -> Inventory:
    return {kind: lines for kind, lines in left.items() if kind != "records"}


WAITING_STEPS = {"wait_for_change", "resume_execution"}
CHANGING_STEPS = [step for step in CREATE_STEPS if step not in READING_STEPS | WAITING_STEPS]
"""A create that dies after a read, or while it waits, has left what it left after the last change
before it."""


def changes(step: str) -> list[tuple[int, str]]:
    found = [(n, call) for n, call in undisturbed()[0].calls[step] if not only_reads(call)]
    assert found, f"{step} changes nothing"
    return found


@pytest.mark.parametrize("step", CHANGING_STEPS)
def test_a_create_that_died_after_any_change_is_repaired_by_starting_again(step: str) -> None:
    """W14, W17, promise 5: another execution, another generation, and nothing twice."""
    created = undisturbed()[0]
    for number, call in changes(step):
        with bivouac_account() as account:
            dies_in_a_create(account, number)
            Machines(account).create(REQUEST, name="second")
            left, where = settled(account), f"died after call {number} of {step}: {call}"
            assert without_records(left) == without_records(created.left), where
            assert left["records"] == ["demo 2 READY"], where


@pytest.mark.parametrize("step", CHANGING_STEPS)
def test_a_create_that_died_after_any_change_is_taken_away_as_a_whole(step: str) -> None:
    """D14, D18, W13, promise 2: half of an environment is deleted like a whole one."""
    deleted = undisturbed()[1]
    for number, call in changes(step):
        with bivouac_account() as account:
            dies_in_a_create(account, number)
            receipt = Machines(account).delete(DELETION)
            left, where = settled(account), f"died after call {number} of {step}: {call}"
            assert receipt["status"] == "DELETED", where
            assert left == deleted.left, where
