"""Plays scenarios one after the other, and shrinks those that break a promise."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from bench.chaos.account import Account, opened
from bench.chaos.playing import Player
from bench.chaos.promises import Promises, Violation
from bench.chaos.scenario import Scenario
from localcloud.stack import TEMPLATE

SCENARIOS_OF_AN_ACCOUNT = 25
"""Then a new account: deleted resources stay listed, and lists grow."""
TRIES = 2
"""Tries of a smaller scenario: threads do not follow the seed."""
SMALLEST_WITHIN = 240.0
"""Seconds for finding the smallest scenario that shows a violation."""


@dataclass
class Played:
    scenario: Scenario
    seconds: float
    struck: list[str]
    violations: list[Violation]
    smallest: Scenario | None = None
    """One that breaks one of the same promises; None if none was broken."""

    @property
    def promises(self) -> set[str]:
        return {violation.promise for violation in self.violations}


@dataclass
class Stage:
    """An account in which scenarios run, each with its own names."""

    account: Account
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def play(self, scenario: Scenario) -> Played:
        began = time.monotonic()
        player = Player(self.account, next(self._numbers))
        violations = Promises(self.account, player).broken(scenario)
        struck = list(self.account.accidents.struck)
        return Played(scenario, time.monotonic() - began, struck, violations)


def play_all(
    scenarios: list[Scenario], *, shrink: bool = True, template: Path = TEMPLATE
) -> Iterator[Played]:
    """In order. A violation is shrunk in a separate account."""
    for first in range(0, len(scenarios), SCENARIOS_OF_AN_ACCOUNT):
        with opened(template) as account:
            stage = Stage(account)
            for scenario in scenarios[first : first + SCENARIOS_OF_AN_ACCOUNT]:
                played = stage.play(scenario)
                if played.violations and shrink:
                    played.smallest = smallest(stage, played)
                yield played


def play_in_processes(scenarios: list[Scenario], processes: int) -> Iterator[Played]:
    """In parts, each in a new process; in the order in which the parts end.

    What a process is handed must not come from a `__main__`: spawned ones do not import it.
    """
    size = max(1, min(SCENARIOS_OF_AN_ACCOUNT, -(-len(scenarios) // processes)))
    parts = [scenarios[first : first + size] for first in range(0, len(scenarios), size)]
    with ProcessPoolExecutor(processes, get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(_play_part, part) for part in parts]):
            yield from done.result()


def _play_part(scenarios: list[Scenario]) -> list[Played]:
    return list(play_all(scenarios))


def smallest(stage: Stage, played: Played) -> Scenario:
    """Removes steps as long as one of the same promises stays broken."""
    found, until = played.scenario, time.monotonic() + SMALLEST_WITHIN
    size = max(1, len(found.steps) // 2)
    while size:
        first = 0
        while first < len(found.steps) and time.monotonic() < until:
            fewer = found.without(first, size)
            if fewer.steps and _still_broken(stage, fewer, played.promises):
                found = fewer
            else:
                first += size
        size //= 2
    return found


def _still_broken(stage: Stage, scenario: Scenario, promises: set[str]) -> bool:
    return any(stage.play(scenario).promises & promises for _ in range(TRIES))
