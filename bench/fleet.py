"""Fifty environments that are created at once and expire at once, with AWS's rate limits on.

Targets: all of them proven, all of them gone, nothing left, and no call refused for good. Tasks are
scripted, so that the functions have this machine to themselves.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console

from bench import samples
from bench.executions import Execution, Executions, deployed
from bench.figures import Target, percentile
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import BenchError, Stop
from localcloud.cloud import LocalCloud
from localcloud.timings import AWS_LIKE

ENVIRONMENTS = 50
"""Cloud Map's quota of namespaces in a Region."""
SCALE = 0.5
"""Of AWS's times; its rate limits and Bivouac's own pauses are not scaled."""
LIMIT = 900.0


@dataclass(frozen=True)
class Fleet:
    """Times are seconds from the first start, or from the first expiry."""

    environments: int
    proven: Sequence[float]
    gone: Sequence[float]
    failures: Sequence[str]
    left: Mapping[str, int]
    """Of each kind of resource."""
    throttled: Mapping[str, int]
    """Throttled calls, by operation."""


def measure(environments: int, console: Console, stop: Stop) -> Fleet:
    """Raises BenchError, StoppedError."""
    timings = replace(samples.scaled(AWS_LIKE, SCALE), wait_scale=AWS_LIKE.wait_scale)
    with LocalCloud(timings, "scripted", 0, rate_limits=True) as cloud:
        assert cloud.rate_limits is not None
        executions = deployed(cloud, stop, LIMIT)
        names = [f"fleet-{number:02}" for number in range(1, environments + 1)]

        console.print(f"creating {environments} environments at once")
        began = time.time()
        started = [
            executions.start("CreateEnvironment", samples.environment(name, 1)) for name in names
        ]
        created = [executions.ended(*each) for each in started]
        failures = [each.failure for each in created if each.failure]

        console.print("their leases end at once")
        expired = time.time()
        for name, each in zip(names, created, strict=True):
            if not each.failure:
                cloud.fire_schedule(f"{name}-expiry")
        deleted = _deletions(executions, len(names) - len(failures), stop, expired)
        failures += [each.failure for each in deleted if each.failure]
        if not cloud.deliveries.wait_until_idle(LIMIT):
            raise BenchError("events were still being delivered")
        return Fleet(
            environments,
            [each.ended_at - began for each in created if not each.failure],
            [each.ended_at - expired for each in deleted if not each.failure],
            failures,
            _left(cloud),
            dict(cloud.rate_limits.refused),
        )


def _deletions(executions: Executions, count: int, stop: Stop, expired: float) -> list[Execution]:
    stop.until(
        lambda: len(executions.of("DeleteEnvironment")) >= count, "the deletions begin", LIMIT
    )
    return [executions.ended(arn, expired) for arn in executions.of("DeleteEnvironment")]


def _left(cloud: LocalCloud) -> dict[str, int]:
    """What still exists, read through the APIs."""
    ecs, logs = cloud.client("ecs"), cloud.client("logs")

    def count(client: Any, operation: str, member: str, **given: Any) -> int:
        pages = client.get_paginator(operation).paginate(**given)
        return sum(len(page[member]) for page in pages)

    return {
        "clusters": count(ecs, "list_clusters", "clusterArns"),
        "namespaces": count(cloud.client("servicediscovery"), "list_namespaces", "Namespaces"),
        "task definitions": count(ecs, "list_task_definitions", "taskDefinitionArns"),
        "log groups": count(
            logs, "describe_log_groups", "logGroups", logGroupNamePrefix="/bivouac-"
        ),
        "schedules": count(
            cloud.client("scheduler"), "list_schedules", "Schedules", NamePrefix="fleet-"
        ),
    }


def targets(fleet: Fleet) -> list[Target]:
    return [
        Target("not proven", fleet.environments - len(fleet.proven), 0),
        Target("not gone", fleet.environments - len(fleet.gone), 0),
        Target("resources left", sum(fleet.left.values()), 0),
        Target("executions that failed", len(fleet.failures), 0),
    ]


def show(fleet: Fleet, console: Console) -> None:
    made = table(
        f"\n{fleet.environments} environments at once, in {SCALE:g} of AWS's times; seconds",
        *("", "first", "median", "last"),
    )
    for title, values in (("proven", fleet.proven), ("gone", fleet.gone)):
        if values:
            cells = (min(values), percentile(values, 50), max(values))
            made.add_row(title, *(f"{cell:.1f}" for cell in cells))
    console.print(made)
    calls = table("\nCalls that AWS's rate limits refused for a moment", "operation", "times")
    for operation, times in fleet.throttled.items():
        calls.add_row(operation, str(times))
    console.print(calls)
    for failure in fleet.failures:
        console.print(failure, highlight=False)


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--environments", type=int, default=ENVIRONMENTS)
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        fleet = measure(given.environments, console, stop)
        show(fleet, console)
        return Measurement(targets(fleet), asdict(fleet))

    return run("fleet", measured)


if __name__ == "__main__":
    sys.exit(main())
