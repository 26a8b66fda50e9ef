"""Every AWS call of a create and of a delete, hit by every kind of fault that can hit it.

Whatever was interrupted, repeating the step as the state machine does must end in exactly what an
undisturbed run leaves: nothing twice, nothing missing, nothing foreign touched. Up to the step that
is hit all of these runs are one, so that each goes on from there in a copy of this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from bivouac import errors
from tests.faults.copies import Copies, copies
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


def faults_of(step: str) -> tuple[Fault, ...]:
    """Every kind of fault that can hit one of a step's calls."""
    if step in READING_STEPS:
        return ON_READS
    return (*KINDS, Fault.WRAPPED_THROTTLE) if step == "create_services" else KINDS


Call = tuple[int, str]
"""Its number in the run, and its name."""


@dataclass
class Run:
    """One run of a state machine: which calls belong to which step, and what it left."""

    visits: list[tuple[str, list[Call]]] = field(default_factory=list)
    """Each step that was begun, in this order, with its calls."""
    output: dict[str, Any] = field(default_factory=dict)
    left: Inventory = field(default_factory=dict)

    def calls(self, step: str) -> list[Call]:
        return [call for name, calls in self.visits if name == step for call in calls]


def run(
    account: BivouacAccount, deletes: bool, before_step: Callable[[str], None] = lambda step: None
) -> Run:
    """Create the environment, or delete it, and say what happened."""
    begun: list[tuple[str, int]] = []

    def begins(step: str) -> None:
        begun.append((step, len(account.calls)))
        before_step(step)

    machines = Machines(account, begins)
    account.forget_calls()
    output = machines.delete(DELETION) if deletes else machines.create(REQUEST)
    ends = [start for _, start in begun[1:]] + [len(account.calls)]
    visits = [
        (step, list(enumerate(account.calls[start:end], start + 1)))
        for (step, start), end in zip(begun, ends, strict=True)
    ]
    return Run(visits, output, settled(account))


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
    assert created.left["schedules"] == ["demo-expiry", "demo-warning"]

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


@dataclass
class Disturbance:
    """Told before each step of an undisturbed run; each fault goes on from there in a copy."""

    account: BivouacAccount
    copies: Copies
    disturbed: str
    """The step whose calls are hit."""
    faults: tuple[Fault, ...]
    deletes: bool
    ends: ExitStack = field(default_factory=ExitStack)
    _injection: Injection | None = None
    _visits: int = 0

    def __post_init__(self) -> None:
        self._due = [
            list(self._of(calls)) if step == self.disturbed else []
            for step, calls in undisturbed()[self.deletes].visits
        ]
        found = {fault for visit in self._due for fault, *_ in visit}
        missing = [fault for fault in self.faults if fault not in found]
        assert not missing, f"nothing in {self.disturbed} can be hit by {missing}"

    def _of(self, calls: list[Call]) -> Iterator[tuple[Fault, int, str]]:
        for fault in self.faults:
            for number, call in calls:
                if fault in kinds(call):
                    yield fault, number, call

    def __call__(self, step: str) -> None:
        if self._injection is not None:
            return
        due, self._visits = self._due[self._visits], self._visits + 1
        for fault, number, call in due:
            kind = of_this_call(fault, number, call)
            if self.copies.is_copy(f"{kind.value}, at call {number} of {step}: {call}"):
                self._injection = Injection(self.account, kind, at(number))
                self.ends.enter_context(injected(self._injection))
                return
        if not any(self._due[self._visits :]):
            self.copies.no_more()

    @property
    def struck(self) -> bool:
        return self._injection is not None and self._injection.struck > 0


@pytest.mark.parametrize("step", CREATE_STEPS)
def test_a_create_interrupted_at_any_call_ends_as_if_nothing_had_happened(step: str) -> None:
    """S01, S03, S20, S21, T02, T03, N01, N02, C03, W17: safe to repeat, nothing is made twice."""
    wanted = undisturbed()[0]
    with bivouac_account() as account:
        foreign_neighbours(account)
        with copies() as copied:
            disturbance = Disturbance(account, copied, step, faults_of(step), deletes=False)
            with disturbance.ends:
                done = run(account, deletes=False, before_step=disturbance)
            assert disturbance.struck
            assert done.left == wanted.left
            assert done.output["status"] == "READY"


@pytest.mark.parametrize("step", DELETE_STEPS)
def test_a_delete_interrupted_at_any_call_leaves_nothing_of_ours_and_all_that_is_foreign(
    step: str,
) -> None:
    """D04, D05, D10, D18, N12, N13, S20, S21: complete, with nothing foreign touched."""
    wanted = undisturbed()[1]
    with bivouac_account() as account:
        foreign_neighbours(account)
        Machines(account).create(REQUEST)
        with copies() as copied:
            disturbance = Disturbance(account, copied, step, faults_of(step), deletes=True)
            with disturbance.ends:
                done = run(account, deletes=True, before_step=disturbance)
            assert disturbance.struck
            assert done.left == wanted.left
            assert done.output["status"] == "DELETED"
            assert outcomes(done.output).keys() == outcomes(wanted.output).keys()


def dies_in_a_create(account: BivouacAccount, copied: Copies, step: str) -> None:
    """A create whose execution is gone for good after a change of this step, each in a copy."""
    foreign_neighbours(account)
    account.forget_calls()
    disturbance = Disturbance(account, copied, step, (Fault.KILLED,), deletes=False)
    with disturbance.ends, pytest.raises(FunctionKilledError):
        Machines(account, disturbance, retried=errors.RETRIED).create(REQUEST)
    account.forget_calls()


def without_records(left: Inventory) -> Inventory:
    return {kind: lines for kind, lines in left.items() if kind != "records"}


WAITING_STEPS = {"wait_for_change", "resume_execution"}
CHANGING_STEPS = [step for step in CREATE_STEPS if step not in READING_STEPS | WAITING_STEPS]
"""A create that dies after a read, or while it waits, has left what it left after the last change
before it."""


@pytest.mark.parametrize("step", CHANGING_STEPS)
def test_a_create_that_died_after_any_change_is_repaired_by_starting_again(step: str) -> None:
    """W14, W17, promise 5: another execution, another generation, and nothing twice."""
    created = undisturbed()[0]
    with bivouac_account() as account, copies() as copied:
        dies_in_a_create(account, copied, step)
        Machines(account).create(REQUEST, name="second")
        left = settled(account)
        assert without_records(left) == without_records(created.left)
        assert left["records"] == ["demo 2 READY"]


@pytest.mark.parametrize("step", CHANGING_STEPS)
def test_a_create_that_died_after_any_change_is_taken_away_as_a_whole(step: str) -> None:
    """D14, D18, W13, promise 2: half of an environment is deleted like a whole one."""
    deleted = undisturbed()[1]
    with bivouac_account() as account, copies() as copied:
        dies_in_a_create(account, copied, step)
        receipt = Machines(account).delete(DELETION)
        assert receipt["status"] == "DELETED"
        assert settled(account) == deleted.left
