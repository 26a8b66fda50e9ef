"""The comparison of both ways as text for people, and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.figures import (
    Creation,
    Deletion,
    Spread,
    Summary,
    Target,
    creation_as_json,
    deletion_as_json,
    one_after_another,
    shares,
    shortest_possible,
    spread,
    summarize,
    targets,
)
from localcloud.timings import Timings

WORTH_A_ROW = 0.05
"""Seconds. A shorter step is left out of the table, not of the JSON."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Everything that one run of the benchmark has measured."""

    timings: Timings
    seed: int
    creations: Sequence[Creation]
    deletions: Sequence[Deletion]

    def of(self, way: str) -> list[Creation]:
        return [each for each in self.creations if each.way == way]

    @property
    def summaries(self) -> list[Summary]:
        return [summarize(self.of(way), self.timings) for way in ("AWS CLI", "Bivouac")]

    @property
    def targets(self) -> list[Target]:
        return targets(summarize(self.of("Bivouac"), self.timings))


def show(comparison: Comparison, console: Console) -> None:
    console.print(_profile(comparison))
    console.print(_rounds(comparison))
    console.print(_figures(comparison))
    for way in ("AWS CLI", "Bivouac"):
        console.print(_steps(way, comparison.of(way)))


def show_target(target: Target) -> Text:
    verdict = Text("OK", "green") if target.met else Text("NG", "bold red")
    return verdict + Text(f" {target.name}: {target.measured:.2f}, at most {target.limit:g}")


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", show_edge=False, header_style="dim")
    made.add_column(columns[0])
    for column in columns[1:]:
        made.add_column(column, justify="right")
    return made


def _profile(comparison: Comparison) -> Table:
    timings = dataclasses.asdict(comparison.timings)
    name = timings.pop("name")
    made = table(f"\nThe local cloud's timings ({name}), the same for both", "step", "s")
    for step, seconds in timings.items():
        pulls = [each.pull for each in comparison.creations]
        text = f"{min(pulls):.1f} to {max(pulls):.1f}" if step == "pull" else f"{seconds:g}"
        made.add_row(step.replace("_", " "), text)
    return made


def _rounds(comparison: Comparison) -> Table:
    made = table(
        "\nRound by round, in the order in which they began; seconds since each one's start",
        *("way", "round", "pull", "truly ready", "proven", "lag"),
    )
    for each in sorted(comparison.creations, key=lambda creation: creation.started_at):
        moments = (each.pull, each.ready_at - each.started_at, each.seconds, each.lag)
        made.add_row(each.way, str(each.round), *(f"{value:.2f}" for value in moments))
    return made


def _figures(comparison: Comparison) -> Table:
    summaries = comparison.summaries
    made = table(
        "\nMean (best to worst) over all rounds", "measure", *(each.way for each in summaries)
    )

    def row(name: str, *cells: str) -> None:
        made.add_row(name, *cells)

    row("start to proven, s", *(_span(each.seconds) for each in summaries))
    row("  until it asks for the service", *(_span(each.before_services) for each in summaries))
    row("  from there to truly ready (ECS)", *(_span(each.starting) for each in summaries))
    row("  from there to proven (the lag)", *(_span(each.lag) for each in summaries))
    row("its own floor: its true ready moment + proof, s", *(_span(s.floor) for s in summaries))
    row("start to proven / its own floor", *(_span(each.ratio, 3) for each in summaries))
    row(
        "start to proven / the profile's steps one after another",
        *(_span(each.ratio_to_one_after_another, 3) for each in summaries),
    )
    row(
        "start to proven / the shortest that ECS allows anybody",
        *(_span(each.ratio_to_shortest_possible, 3) for each in summaries),
    )
    row("AWS API calls", *(_span(each.calls, 1) for each in summaries))
    for service in dict.fromkeys(name for each in summaries for name in each.calls_by_service):
        counts = (each.calls_by_service.get(service, 0.0) for each in summaries)
        row(f"  {service}", *(f"{count:.1f}" for count in counts))
    row("state transitions, retries included", *(_span(s.transitions, 1) for s in summaries))
    deletions = comparison.deletions
    row("deletion: start to receipt, s", "", _span(spread([each.seconds for each in deletions])))
    row("deletion: start to truly gone, s", "", _span(spread([each.drain for each in deletions])))
    row(
        "deletion: receipt / truly gone",
        "",
        _span(spread([each.seconds / each.drain for each in deletions]), 3),
    )
    row("deletion: AWS API calls", "", _span(spread([len(each.calls) for each in deletions]), 1))
    row(
        "deletion: state transitions",
        "",
        _span(spread([each.transitions for each in deletions]), 1),
    )
    return made


def _steps(way: str, creations: Sequence[Creation]) -> Table:
    made = table(
        f"\nWhere the time of {way} goes, mean over all rounds", "step", "times", "from s", "s"
    )
    for share in shares(creations):
        if share.seconds >= WORTH_A_ROW:
            cells = (share.visits, share.began_after, share.seconds)
            made.add_row(share.name, *(f"{value:.1f}" for value in cells))
    return made


def _span(values: Spread | None, digits: int = 2) -> str:
    if values is None:
        return ""
    mean, best, worst = (f"{v:.{digits}f}" for v in (values.mean, values.best, values.worst))
    return f"{mean} ({best} to {worst})"


def as_json(comparison: Comparison) -> dict[str, Any]:
    timings = comparison.timings
    pulls = {each.round: each.pull for each in comparison.creations}
    return {
        "timings": dataclasses.asdict(timings),
        "seed": comparison.seed,
        "floors": [
            {
                "round": number,
                "pull": round(pull, 3),
                "oneAfterAnother": round(one_after_another(timings, pull), 3),
                "shortestPossible": round(shortest_possible(timings, pull), 3),
            }
            for number, pull in sorted(pulls.items())
        ],
        "summaries": [dataclasses.asdict(each) for each in comparison.summaries],
        "creations": [creation_as_json(each) for each in comparison.creations],
        "deletions": [deletion_as_json(each) for each in comparison.deletions],
    }
