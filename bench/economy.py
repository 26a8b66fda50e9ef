"""What a whole cycle (create, prove, delete, receipt) costs: billed transitions, and AWS calls.

Compared with a hand-written sequence that does the same with as few calls as possible
(bench.minimal), on the same local cloud at the same time. Nothing runs in the tasks: only calls
count here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from rich.console import Console

from bench import executions, minimal, samples, written_items
from bench.calls import ApiCall, CallLog
from bench.executions import deployed
from bench.figures import Step, Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import BenchError, Stop
from bivouac.environment.blueprint import Blueprint
from bivouac.request.planning.plan import plan
from bivouac.settings import RequestSettings, ScheduleSettings
from localcloud.cloud import LocalCloud
from localcloud.template import Stack
from localcloud.timings import AWS_LIKE

SCALE = 0.5
WAIT_SCALE = 0.1
WAITS = (30.0, 600.0)
"""Seconds from CreateService until the task is registered, before scaling."""
LIMIT = 300.0
SETTLES_WITHIN = 60.0
"""Seconds for the events that are still on their way when the receipt is written."""

MOST_TRANSITIONS = 36
MOST_TRANSITIONS_A_SERVICE = 8
"""For each service but the first."""
MOST_CALLS_RATIO = 1.2
BOOKKEEPING = ("dynamodb", "states", "events")
"""A script needs no tokens or fences, and publishes nothing: these are listed, and do not count for
the ratio."""

Counts = Mapping[str, int]
"""By "service:Operation"."""


@dataclass(frozen=True)
class Cycle:
    """One environment's whole life."""

    services: int
    transitions: int
    states: dict[str, int]
    """How often each state was entered, in create and delete together."""
    calls: Counts
    by_hand: Counts
    write_units: int
    """Of DynamoDB, at most."""

    @property
    def most_transitions(self) -> int:
        return MOST_TRANSITIONS + MOST_TRANSITIONS_A_SERVICE * (self.services - 1)

    @property
    def ratio(self) -> float:
        return resource_calls(self.calls) / resource_calls(self.by_hand)


@dataclass(frozen=True)
class Waited:
    """The same environment with an image whose pull takes this much longer."""

    seconds: float
    """Before scaling."""
    transitions: int
    calls: int


@dataclass(frozen=True)
class Economy:
    cycles: Sequence[Cycle]
    waits: Sequence[Waited]

    @property
    def targets(self) -> list[Target]:
        found = []
        for cycle in self.cycles:
            what = f"{cycle.services} service{'s' if cycle.services > 1 else ''}"
            found += [
                Target(
                    f"billed transitions of a cycle, {what}",
                    cycle.transitions,
                    cycle.most_transitions,
                ),
                Target(f"calls / by hand, {what}", cycle.ratio, MOST_CALLS_RATIO),
            ]
        shortest, longest = self.waits[0], self.waits[-1]
        return [
            *found,
            Target(
                f"transitions that a wait of {longest.seconds:.0f} s takes more than one of "
                f"{shortest.seconds:.0f} s",
                longest.transitions - shortest.transitions,
                0,
            ),
        ]


def counted(calls: Sequence[ApiCall]) -> dict[str, int]:
    return dict(Counter(f"{call.service}:{call.operation}" for call in calls))


def resource_calls(counts: Counts) -> int:
    """Without bookkeeping."""
    return sum(n for call, n in counts.items() if call.split(":")[0] not in BOOKKEEPING)


# --- measuring -----------------------------------------------------------------------------------


class _Bench:
    """One local cloud on which cycles are run."""

    def __init__(self, cloud: LocalCloud, calls: CallLog, scale: float, stop: Stop) -> None:
        self._cloud = cloud
        self._calls = calls
        self._scale = scale
        self._stop = stop
        self._executions = deployed(cloud, stop, LIMIT)
        self._stack = self._executions.stack
        self._tables = {
            self._stack.outputs["EnvironmentsTableName"],
            self._stack.resources["WaitsTable"],
        }
        self._write_units = 0
        minimal.make_table(cloud)

    def cycle(self, services: int) -> Cycle:
        """Bivouac's and the hand-written one concurrently; their names differ."""
        request = samples.environment(f"shop-{services}", services)
        with ThreadPoolExecutor(1) as pool:
            by_hand = pool.submit(self._by_hand, request, samples.waves(services))
            units = self._write_units
            transitions, steps, calls = self.life(request)
            states: Counter[str] = Counter()
            for step in steps:
                states[step.name] += step.visits
            units = self._write_units - units
            return Cycle(services, transitions, dict(states), calls, by_hand.result(), units)

    def life(self, request: dict[str, Any]) -> tuple[int, list[Step], Counts]:
        began = time.time()
        steps: list[Step] = []
        transitions = 0
        for machine, content in (
            ("CreateEnvironment", request),
            ("DeleteEnvironment", {"environment": request["name"], "reason": "measured"}),
        ):
            ended = self._executions.succeeded(machine, content)  # type: ignore[arg-type]
            transitions += ended.transitions
            steps += self._executions.steps(ended.arn)
        if not self._cloud.deliveries.wait_until_idle(SETTLES_WITHIN):
            raise BenchError(f"events are still delivered {SETTLES_WITHIN:.0f} s after the receipt")
        return (
            transitions,
            steps,
            counted(self._calls.between(began, time.time(), self._of_a_cycle)),
        )

    def written(self, backend: DynamoDBBackend, table: str, item: Item) -> None:
        """Counts what the stack writes; the hand-written sequence has a table of its own."""
        if table in self._tables:
            self._write_units += written_items.write_units(backend, table, item)

    def _of_a_cycle(self, access_key_id: str) -> bool:
        """The sweep reads all environments, however many there are, and first when the stack is
        deployed."""
        role_arn = self._cloud.credentials.role_of(access_key_id)
        sweep = self._stack.functions["SweepEnvironmentsFunction"].role_arn
        return executions.caller(access_key_id) and role_arn != sweep

    def _by_hand(self, request: dict[str, Any], waves: list[list[str]]) -> Counts:
        began = time.time()
        sequence = minimal.Minimal(
            self._cloud,
            planned(request, self._cloud, self._stack),
            waves,
            expiry(self._stack),
            self._scale,
            self._stop,
        )
        sequence.create()
        sequence.delete()
        return counted(self._calls.between(began, time.time(), minimal.caller))


def planned(request: dict[str, Any], cloud: LocalCloud, stack: Stack) -> Blueprint:
    """As the stack would plan it, with other names."""
    machine = stack.outputs["CreateEnvironmentStateMachineArn"]
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    states = json.loads(described["definition"])["States"]
    given = states["Check request"]["Parameters"]["settings"]
    region = {"AWS_REGION": "ap-northeast-1"}
    settings = RequestSettings.from_env({**region, **given, "NAME_PREFIX": "minimal"})
    checked = plan(request, settings, datetime.now(UTC))
    if checked.blueprint is None:
        raise BenchError(f"not a request: {checked.problems}")
    return checked.blueprint


def expiry(stack: Stack) -> dict[str, Any]:
    settings = ScheduleSettings.from_env(stack.functions["OpenEnvironmentFunction"].environment)
    target = {
        "Arn": settings.delete_machine_arn,
        "RoleArn": settings.expiry_role_arn,
        "Input": "{}",
    }
    return {"GroupName": settings.expiry_group, "Target": target}


def measure(sizes: Sequence[int], console: Console, stop: Stop) -> Economy:
    """Raises BenchError, StoppedError."""
    calls = CallLog()
    cycles = []
    with LocalCloud(samples.scaled(AWS_LIKE, SCALE), "scripted", 0, calls.note) as cloud:
        bench = _Bench(cloud, calls, SCALE, stop)
        with written_items.observed(bench.written):
            for services in sizes:
                console.print(f"a cycle of {services} service(s), and the same by hand")
                cycles.append(bench.cycle(services))
    return Economy(cycles, [_waited(seconds, console, stop) for seconds in WAITS])


def _waited(seconds: float, console: Console, stop: Stop) -> Waited:
    console.print(f"a wait of {seconds:.0f} s, in {seconds * WAIT_SCALE:.1f} s")
    calls = CallLog()
    before_and_after = AWS_LIKE.placement + AWS_LIKE.provisioning + AWS_LIKE.registration
    pulling = replace(AWS_LIKE, pull=seconds - before_and_after)
    timings = samples.scaled(pulling, WAIT_SCALE)
    with LocalCloud(timings, "scripted", 0, calls.note) as cloud:
        transitions, _, counts = _Bench(cloud, calls, WAIT_SCALE, stop).life(
            samples.environment("waits", 1)
        )
    return Waited(seconds, transitions, sum(counts.values()))


# --- showing -------------------------------------------------------------------------------------


def show(economy: Economy, console: Console) -> None:
    console.print(_transitions(economy))
    console.print(_calls(economy))
    waits = table("\nThe same environment, however long it waits", "wait", "transitions", "calls")
    for each in economy.waits:
        waits.add_row(f"{each.seconds:.0f} s", str(each.transitions), str(each.calls))
    console.print(waits)


def _transitions(economy: Economy) -> Any:
    sizes = [f"{cycle.services}" for cycle in economy.cycles]
    made = table("\nState transitions of a cycle, by number of services", "state", *sizes)
    for state in dict.fromkeys(name for cycle in economy.cycles for name in cycle.states):
        made.add_row(state, *(str(cycle.states.get(state, 0)) for cycle in economy.cycles))
    made.add_section()
    made.add_row("billed, retries included", *(str(c.transitions) for c in economy.cycles))
    made.add_row("at most", *(str(c.most_transitions) for c in economy.cycles))
    made.add_section()
    made.add_row("write units of DynamoDB, at most", *(str(c.write_units) for c in economy.cycles))
    return made


def _calls(economy: Economy) -> Any:
    """Resource calls first, bookkeeping separate; of each size, by hand and Bivouac's."""
    columns = [f"{c.services} {who}" for c in economy.cycles for who in ("by hand", "Bivouac")]
    made = table("\nAWS calls of a cycle, by number of services", "call", *columns)
    counts = [each for cycle in economy.cycles for each in (cycle.by_hand, cycle.calls)]
    names = sorted({name for each in counts for name in each})
    for apart in (False, True):
        for name in names:
            if (name.split(":")[0] in BOOKKEEPING) is apart:
                made.add_row(name, *(str(each.get(name, 0) or "") for each in counts))
        made.add_section()
        if not apart:
            made.add_row("resources", *(str(resource_calls(each)) for each in counts))
            ratios = (("", f"{cycle.ratio:.2f}") for cycle in economy.cycles)
            made.add_row("  / by hand", *(cell for pair in ratios for cell in pair))
            made.add_section()
    made.add_row("in total", *(str(sum(each.values())) for each in counts))
    return made


def as_json(economy: Economy) -> dict[str, Any]:
    return {
        "scale": SCALE,
        "waitScale": WAIT_SCALE,
        "cycles": [{**asdict(each), "ratio": round(each.ratio, 3)} for each in economy.cycles],
        "waits": [asdict(each) for each in economy.waits],
    }


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.economy", description=__doc__)
    parser.add_argument(
        "--services", type=int, nargs="+", default=list(samples.SIZES), help="sizes to measure"
    )
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        economy = measure(given.services, console, stop)
        show(economy, console)
        return Measurement(economy.targets, as_json(economy))

    return run("economy", measured)


if __name__ == "__main__":
    sys.exit(main())
