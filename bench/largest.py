"""The largest request of each kind, compared with every limit of AWS that it could reach.

50 services, 1,000 tasks, 240 edges, 50 in a chain, the longest names and the longest values are
created, proven and deleted with their receipt, one after another; larger ones are refused when they
are planned. The sizes of histories, states, items and payloads are measured in the run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from rich.console import Console

from bench import written_items
from bench.executions import Execution, deployed
from bench.figures import Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import BenchError, Stop
from localcloud.cloud import LocalCloud
from localcloud.endpoint.calls import Call
from localcloud.following import history
from localcloud.moto_changes.item_sizes import item_size
from localcloud.timings import TEST
from tests import largest

LIMIT = 900.0
"""Seconds for each execution: a busy machine runs thousands of functions."""
LIMITS = {
    "history": 25_000,
    "state": 262_144,
    "output": 262_144,
    "token": 262_144,
    "function": 6_291_456,
    "event": 262_144,
    "record": 409_600,
    "wait": 409_600,
}
"""Events of an execution; bytes of a state's input or output, of an execution's output and of what
comes with a task token (Step Functions' quotas); of a function's input or answer (Lambda's); of an
entry of PutEvents (EventBridge's guide: less than 256 KB); of an item (DynamoDB's)."""
TIMINGS = replace(TEST, wait_scale=0.1)
"""Waits are long enough for a busy machine to report a wait of a thousand tasks."""
REFUSED = {
    "50 services, longest names": lambda name: largest.longest_names(name, 50),
    "40 services, longest values": lambda name: largest.longest_values(name, 40),
    "900 edges": lambda name: largest.many_edges(name, 900),
    "1,050 tasks": lambda name: largest.thousand_tasks(name, 21),
}


@dataclass
class Measured:
    """The largest of each, for one kind of request."""

    kind: str
    sizes: dict[str, int] = field(default_factory=dict)
    """By what LIMITS names."""
    ended: str = ""
    """READY and DELETED, or why it was refused."""

    def note(self, what: str, size: int) -> None:
        self.sizes[what] = max(self.sizes.get(what, 0), size)


class Watching:
    """Records what goes to AWS and into the tables while one kind is measured."""

    def __init__(self) -> None:
        self.now = Measured("nothing yet")
        self.tables: dict[str, str] = {}
        """What a table's items are, by its name."""

    def call(self, call: Call) -> None:
        if call.operation == "SendTaskSuccess":
            self.now.note("token", len(call.parameters["output"].encode()))
        elif call.operation == "PutEvents":
            for entry in call.parameters["Entries"]:
                self.now.note("event", sum(len(str(part).encode()) for part in entry.values()))

    def item(self, _: DynamoDBBackend, table: str, item: Item) -> None:
        if table in self.tables:
            self.now.note(self.tables[table], item_size(item.attrs))

    def execution(self, events: Sequence[dict[str, Any]]) -> None:
        self.now.note("history", len(events))
        for event in events:
            for details in event.values():
                if not isinstance(details, dict):
                    continue
                for name in ("input", "output", "parameters"):
                    if isinstance(text := details.get(name), str):
                        self.now.note(_what(event["type"]), len(text.encode()))


def _what(event_type: str) -> str:
    if event_type == "ExecutionSucceeded":
        return "output"
    return "state" if "State" in event_type or event_type == "ExecutionStarted" else "function"


class Kinds:
    """Every kind, on one local cloud."""

    def __init__(self, cloud: LocalCloud, watching: Watching, stop: Stop) -> None:
        self._cloud = cloud
        self._watching = watching
        self._executions = deployed(cloud, stop, LIMIT)
        stack = self._executions.stack
        watching.tables |= {
            stack.outputs["EnvironmentsTableName"]: "record",
            stack.resources["WaitsTable"]: "wait",
        }

    def lived(self, number: int, kind: str, request_of: Callable[[str], Any]) -> Measured:
        """Created, proven, deleted. Raises BenchError, StoppedError."""
        name = f"largest-{number}"
        self._watching.now = measured = Measured(kind)
        created = self._executions.succeeded("CreateEnvironment", request_of(name))
        deleted = self._executions.succeeded("DeleteEnvironment", {"environment": name})
        for execution in (created, deleted):
            self._noted(execution)
        if not self._cloud.deliveries.wait_until_idle(LIMIT):
            raise BenchError(f"events are still delivered {LIMIT:.0f} s after the receipt")
        measured.ended = f"{created.output['status']}, {deleted.output['status']}"
        return measured

    def refused(self, number: int, kind: str, request_of: Callable[[str], Any]) -> Measured:
        self._watching.now = measured = Measured(kind)
        execution = self._executions.ended(
            *self._executions.start("CreateEnvironment", request_of(f"refused-{number}"))
        )
        self._noted(execution)
        if not execution.failure.startswith("InvalidRequestError"):
            raise BenchError(f"{kind} is taken: {execution.status} {execution.failure[:300]}")
        measured.ended = execution.failure.partition("\n- ")[2].partition("\n")[0]
        return measured

    def _noted(self, execution: Execution) -> None:
        self._watching.execution(history(self._cloud.client("stepfunctions"), execution.arn))


def measure(kinds: Sequence[str], console: Console, stop: Stop) -> list[Measured]:
    """Raises BenchError, StoppedError."""
    watching = Watching()
    found: list[Measured] = []
    with (
        LocalCloud(TIMINGS, "scripted", 0, observe=watching.call) as cloud,
        written_items.observed(watching.item),
    ):
        on_it = Kinds(cloud, watching, stop)
        for number, kind in enumerate(kinds, 1):
            console.print(kind)
            if kind in REFUSED:
                found.append(on_it.refused(number, kind, REFUSED[kind]))
            else:
                found.append(on_it.lived(number, kind, largest.LARGEST[kind]))
    return found


def show(found: Sequence[Measured], console: Console) -> None:
    made = table("\nThe most of each, in bytes but for the events", "", *LIMITS)
    made.add_row("limit", *(f"{limit:,}" for limit in LIMITS.values()))
    made.add_section()
    for each in found:
        if each.kind not in REFUSED:
            sizes = (each.sizes.get(what, 0) for what in LIMITS)
            made.add_row(each.kind, *(f"{size:,}" for size in sizes))
    console.print(made)
    for each in found:
        console.print(f"{each.kind}: {each.ended}", highlight=False)


def targets(found: Sequence[Measured]) -> list[Target]:
    """The fullest of all, as a share of its limit."""
    return [
        Target(
            f"{what} / its limit, the fullest of all",
            max(each.sizes.get(what, 0) for each in found) / limit,
            1.0,
        )
        for what, limit in LIMITS.items()
    ]


def main() -> int:
    """Exit code 0 only if everything fits, or is refused with the reason."""
    parser = argparse.ArgumentParser(prog="python -m bench.largest", description=__doc__)
    known = [*largest.LARGEST, *REFUSED]
    parser.add_argument("--kind", action="append", choices=known, help="only these")
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        found = measure(given.kind or known, console, stop)
        show(found, console)
        return Measurement(targets(found), {"limits": LIMITS, "kinds": [*map(asdict, found)]})

    return run("largest", measured)


if __name__ == "__main__":
    sys.exit(main())
