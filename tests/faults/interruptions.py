"""Interrupts a create or a delete at any of its calls, each time in a forked copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.faults.copies import Copies
from tests.faults.injection import Fault, Injection, at, injected, kinds, only_reads
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, bivouac_account
from tests.functional.inventory import Inventory, foreign_neighbours, inventory
from tests.functional.machines import Machines
from tests.requests import environment

REQUEST = environment()
DELETION = {"environment": "demo", "reason": "asked for"}
REFUSALS = (Fault.THROTTLED, Fault.UNAVAILABLE, Fault.RESET)
"""Each leaves nothing behind and is repeated, so different calls can get different ones."""


def of_this_call(fault: Fault, number: int, call: str) -> Fault:
    if fault is Fault.THROTTLED and not only_reads(call):
        return REFUSALS[number % len(REFUSALS)]
    return fault


Call = tuple[int, str]
"""Its number in the run, and its name."""


@dataclass
class Run:
    """One run of a state machine: which calls belong to which step, and what it left."""

    visits: list[tuple[str, list[Call]]] = field(default_factory=list)
    """Each step that was begun, in order, with its calls."""
    output: dict[str, Any] = field(default_factory=dict)
    left: Inventory = field(default_factory=dict)

    def calls(self, step: str) -> list[Call]:
        return [call for name, calls in self.visits if name == step for call in calls]


def run(
    account: BivouacAccount, deletes: bool, before_step: Callable[[str], None] = lambda step: None
) -> Run:
    """Creates the environment, or deletes it, and reports what happened."""
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
    """What exists once the proof clients' tasks have stopped, which nothing waits for."""
    account.pass_time(SETTLED_SECONDS)
    return inventory(account)


@cache
def undisturbed() -> tuple[Run, Run]:
    with bivouac_account() as account:
        foreign_neighbours(account)
        return run(account, deletes=False), run(account, deletes=True)


@dataclass
class Disturbance:
    """Called before each step of an undisturbed run; each fault goes on from there in a copy."""

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
