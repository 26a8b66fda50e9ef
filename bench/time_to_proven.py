"""Compares Bivouac with the Service Connect tutorial's own commands, on the same local cloud.

In each round both create the same environment, concurrently: the second starts when the first has
created its service, so that neither is slowed down by the other's beginning. Each deletes what it
created before the next round. Who is first, and how long the image pull takes, is drawn each time.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.aws_cli import AwsCli
from bench.calls import CallLog
from bench.create_environment import CreateEnvironment
from bench.figures import Creation, Deletion
from bench.pulling import SPREAD, VaryingPull, spread_evenly
from bench.report import Comparison, as_json, show
from bench.running import PROJECT, Measurement, run
from bench.waiting import Stop
from bench.ways import Stage, Way
from localcloud.cloud import LocalCloud
from localcloud.stack import TEMPLATE, parameters
from localcloud.tasks.processes import ProcessRuntime
from localcloud.timings import AWS_LIKE, PROFILES, Timings

REQUEST = PROJECT / "events" / "tutorial.json"

Made = tuple[Creation, Deletion | None]


class Rounds:
    """Both ways, repeated."""

    def __init__(
        self, ways: Sequence[Way], stage: Stage, extra_pulls: Sequence[float], progress: Progress
    ) -> None:
        self._ways = ways
        self._stage = stage
        self._extra_pulls = extra_pulls
        self._progress = progress
        self._began = time.monotonic()

    def run(self, order: random.Random) -> list[Made]:
        """Raises BenchError, StoppedError."""
        made: list[Made] = []
        for number, extra_seconds in enumerate(self._extra_pulls, start=1):
            self._stage.runtime.extra_seconds = extra_seconds
            made += self._round(number, order.sample(self._ways, len(self._ways)))
        return made

    def _round(self, number: int, ways: Sequence[Way]) -> list[Made]:
        with ThreadPoolExecutor(max_workers=len(ways)) as pool:
            running: list[Future[Made]] = []
            try:
                for way in ways:
                    began = time.time()
                    running.append(pool.submit(self._make, way, number))
                    self._wait_for_service(way, began, running[-1])
                wait(running, return_when=FIRST_EXCEPTION)
                return [each.result() for each in running if each.done()]
            except BaseException:
                self._stage.stop.request()
                raise

    def _wait_for_service(self, way: Way, began: float, made: Future[Made]) -> None:
        calls = self._stage.calls
        while not made.done() and not calls.wait_for("CreateService", began, way.caller, 1.0):
            pass

    def _make(self, way: Way, number: int) -> Made:
        going_on = self._progress.add_task("")

        def tell(text: str) -> None:
            since = time.monotonic() - self._began
            line = (
                f"{since:5.0f} s  round {number} of {len(self._extra_pulls)}  {way.name:8} {text}"
            )
            self._progress.console.print(line, highlight=False)
            self._progress.reset(going_on, description=line)

        creation = way.create(number, tell)
        tell(f"proven after {creation.seconds:.1f} s, {creation.lag:.1f} s after it was ready")
        deletion = way.delete(number, tell)
        self._progress.remove_task(going_on)
        return creation, deletion


def compare(timings: Timings, rounds: int, seed: int, console: Console, stop: Stop) -> Comparison:
    """Raises BenchError, StoppedError."""
    request = json.loads(REQUEST.read_text(encoding="utf-8"))
    extra_pulls = spread_evenly(rounds, seed)
    # The mean pull is the profile's. The AWS CLI waits in real time.
    shortest = replace(timings, pull=max(0.0, timings.pull - SPREAD / 2), wait_scale=1.0)
    calls = CallLog()
    with ExitStack() as parts:
        directory = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        runtime = VaryingPull(ProcessRuntime(health_scale=timings.health_scale))
        console.print("Starting the local cloud and deploying template.yaml to it")
        cloud = parts.enter_context(
            LocalCloud(timings=shortest, runtime=runtime, port=0, observe=calls.note)
        )
        stack = cloud.deploy(TEMPLATE, parameters(cloud.account))
        stage = Stage(cloud, shortest, runtime, calls, stop)
        ways: list[Way] = [
            AwsCli(stage, request, directory),
            CreateEnvironment(stage, stack, request),
        ]
        progress = parts.enter_context(_progress(console))
        made = Rounds(ways, stage, extra_pulls, progress).run(random.Random(seed))
    return Comparison(
        timings=shortest,
        seed=seed,
        creations=[creation for creation, _ in made],
        deletions=[deletion for _, deletion in made if deletion is not None],
    )


def _progress(console: Console) -> Progress:
    """What is going on now, and for how long, under the lines about what has begun."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.time_to_proven", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of both ways (default 5)")
    parser.add_argument("--timings", choices=sorted(PROFILES), default=AWS_LIKE.name)
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        comparison = compare(PROFILES[given.timings], given.rounds, given.seed, console, stop)
        show(comparison, console)
        return Measurement(comparison.targets, as_json(comparison))

    return run("time_to_proven", measured)


if __name__ == "__main__":
    sys.exit(main())
