"""Chaos: random scenarios with seeds, and every promise checked after each.

python -m bench.chaos                   300 scenarios
python -m bench.chaos --seed 1234 --scenarios 1
python -m bench.chaos --without V3      with that mend taken back, until a promise breaks for it
"""

from __future__ import annotations

import argparse
import math
import secrets
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from rich.console import Console

from bench.chaos.drawing import drawn
from bench.chaos.reverted import MENDS, without
from bench.chaos.running import Played, play_all, play_in_processes
from bench.figures import Target
from bench.running import Measurement, run
from bench.waiting import Stop

SCENARIOS = 300
PROCESSES = 2


def measure(console: Console, scenarios: int, seed: int, processes: int) -> Measurement:
    console.print(f"{scenarios} scenarios, seeds {seed} to {seed + scenarios - 1}")
    drawn_ = [drawn(seed + number) for number in range(scenarios)]
    broken: list[Played] = []
    accidents: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    seconds = 0.0
    for number, played in enumerate(play_in_processes(drawn_, processes), 1):
        seconds += played.seconds
        accidents.update(hit.partition(" at ")[0] for hit in played.struck)
        steps.update(type(step).__name__ for step in played.scenario.steps)
        if played.violations:
            broken.append(played)
            _show(console, played)
        elif console.is_terminal or number % 10 == 0:
            console.print(f"{number} of {scenarios} played, {len(broken)} broke a promise")
    console.print("steps: " + ", ".join(f"{name} {n}" for name, n in steps.most_common()))
    console.print("accidents: " + ", ".join(f"{name} {n}" for name, n in accidents.most_common()))
    console.print(f"{seconds / scenarios:.1f} s for a scenario")
    target = Target("scenarios that broke a promise", len(broken), 0)
    content = {
        "seed": seed,
        "scenarios": scenarios,
        "steps": dict(steps),
        "accidents": dict(accidents),
        "broken": [
            {
                "seed": played.scenario.seed,
                "violations": [asdict(violation) for violation in played.violations],
                "steps": played.scenario.described(),
                "smallest": (played.smallest or played.scenario).described(),
                "struck": played.struck,
            }
            for played in broken
        ],
    }
    return Measurement([target], content)


def find(console: Console, name: str, scenarios: int, seed: int) -> Measurement:
    """Plays until a promise breaks that holds only because of this mend."""
    mend = MENDS[name]
    console.print(f"without {name} ({mend.description}), seeds from {seed}")
    numbered = {number: drawn(seed + number - 1) for number in range(1, scenarios + 1)}
    shown = {n: scenario for n, scenario in numbered.items() if mend.shown_by(scenario)}
    found, seconds = 0, 0.0
    content: dict[str, Any] = {"without": name, "seed": seed, "scenarios": scenarios}
    with without(mend) as template:
        played_ = play_all(list(shown.values()), shrink=False, template=template)
        for count, (number, played) in enumerate(zip(shown, played_, strict=False), 1):
            seconds += played.seconds
            if played.violations:
                _show(console, played)
            if broken := played.promises & mend.breaks:
                found = number
                content |= {"found_after": number, "played": count, "promises": sorted(broken)}
                break
    console.print(
        f"{name}: {', '.join(content['promises'])}: found after {found} scenarios, "
        f"{content['played']} of them played, seed {seed + found - 1}, {seconds:.0f} s"
        if found
        else f"{name}: not found, {len(shown)} of {scenarios} played, {seconds:.0f} s"
    )
    return Measurement(
        [Target("scenarios until it is found", found or math.inf, scenarios)], content
    )


def _show(console: Console, played: Played) -> None:
    console.print(f"[red]seed {played.scenario.seed} broke a promise[/]")
    for violation in played.violations:
        console.print(f"  {violation.promise}: {violation.detail}", highlight=False, markup=False)
    for title, scenario in (("steps", played.scenario), ("smallest", played.smallest)):
        if scenario:
            console.print(f"  {title}:")
            for line in scenario.described():
                console.print(f"    {line}", highlight=False, markup=False)
    console.print(f"  accidents: {', '.join(played.struck) or 'none'}", markup=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    parser.add_argument("--seed", type=int, default=None, help="of the first one")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--without", choices=tuple(MENDS), help="this mend taken back")
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed

    def measured(console: Console, _: Stop) -> Measurement:
        if given.without:
            return find(console, given.without, given.scenarios, seed)
        return measure(console, given.scenarios, seed, given.processes)

    return run(f"chaos-without-{given.without}" if given.without else "chaos", measured)


if __name__ == "__main__":
    sys.exit(main())
