"""What the chaos benchmark draws; `make endure` plays a few of its scenarios, the benchmark 300."""

from __future__ import annotations

import pytest

from bench.chaos.drawing import drawn
from bench.chaos.reverted import MENDS, PROJECT, taken_back
from bench.chaos.scenario import AddServiceByHand, Create, Fault, LeaseEnds, ScaleByHand, Step

SEEDS = range(300)


def steps(seeds: range) -> list[Step]:
    return [step for seed in seeds for step in drawn(seed).steps]


def test_the_same_seed_draws_the_same_scenario() -> None:
    for seed in (1, 7, 300):
        assert drawn(seed) == drawn(seed)
    assert drawn(1) != drawn(2)


def test_every_kind_of_event_is_drawn_often() -> None:
    drawn_steps = steps(SEEDS)
    kinds = {type(step) for step in drawn_steps}
    assert {AddServiceByHand, Create, Fault, LeaseEnds, ScaleByHand} <= kinds
    for kind in kinds:
        assert sum(isinstance(step, kind) for step in drawn_steps) >= 10, kind


def test_a_scenario_can_be_shrunk_and_is_printed_step_by_step() -> None:
    scenario = drawn(6)
    smaller = scenario.without(1, 2)
    assert len(smaller.steps) == len(scenario.steps) - 2
    assert smaller.steps[0] == scenario.steps[0]
    assert scenario.described()[0].startswith("Create(environment=0")


@pytest.mark.parametrize("name", MENDS)
def test_each_mend_can_be_taken_back(name: str) -> None:
    """With the present code; otherwise nobody would notice that chaos no longer tests it."""
    for change in MENDS[name].changes:
        text = (PROJECT / change.file).read_text(encoding="utf-8")
        without = taken_back(change, text)
        assert without != text
        if change.file.suffix == ".py":
            compile(without, change.file, "exec")


@pytest.mark.parametrize("name", MENDS)
def test_what_each_mend_is_about_is_drawn(name: str) -> None:
    assert any(MENDS[name].shown_by(drawn(seed)) for seed in SEEDS)
