"""How long after the end of its lease an environment is gone, beyond the drain of its services.

The schedule fires, the deletion starts, and the receipt is written once everything was checked
again. The control plane records the services' own drain: when their last task and endpoint went.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console

from bench import samples
from bench.executions import deployed
from bench.figures import Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import Stop
from localcloud.cloud import LocalCloud
from localcloud.timings import AWS_LIKE, Timings

LIMIT = 300.0
MOST_BEYOND = 10.0
"""Seconds after the drain, besides what Cloud Map takes to delete the namespace: one poll of two
seconds and a cold start for each later deletion."""


@dataclass(frozen=True)
class Expiry:
    """Seconds from the time at which the schedule was due."""

    services: int
    drained: float
    gone: float
    """The receipt is written."""
    floor: float
    """What AWS takes at least: the drain, then the namespace's deletion beside deprovisioning."""

    @property
    def beyond(self) -> float:
        return self.gone - self.floor


def measure(sizes: Sequence[int], console: Console, stop: Stop) -> list[Expiry]:
    """Raises BenchError, StoppedError."""
    found = []
    with LocalCloud(AWS_LIKE, "scripted", 0) as cloud:
        executions = deployed(cloud, stop, LIMIT)
        for services in sizes:
            console.print(f"{services} service(s): created, then its lease ends")
            name = f"expiry-{services}"
            executions.succeeded("CreateEnvironment", samples.environment(name, services))
            known = set(executions.of("DeleteEnvironment"))
            executions.end_warm_functions()
            due = time.time()
            cloud.fire_schedule(f"{name}-expiry")
            stop.until(
                lambda known=known: set(executions.of("DeleteEnvironment")) > known,  # type: ignore[misc]
                "the deletion",
                LIMIT,
            )
            (arn,) = set(executions.of("DeleteEnvironment")) - known
            deleted = executions.ended(arn, due)
            drained = [
                moment
                for service, moment in cloud.control_plane.gone_moments.items()
                if f"/bivouac-{name}/" in service
            ]
            drain = max(drained) - due
            found.append(Expiry(services, drain, deleted.ended_at - due, floor(AWS_LIKE, drain)))
    return found


def floor(timings: Timings, drain: float) -> float:
    """With the actual drain: a namespace can go once its last endpoint has gone."""
    return drain + timings.namespace_operation


def targets(found: Sequence[Expiry]) -> list[Target]:
    return [
        Target(
            f"{each.services} service(s): seconds to the receipt beyond drain and namespace",
            each.beyond,
            MOST_BEYOND,
        )
        for each in found
    ]


def show(found: Sequence[Expiry], console: Console) -> None:
    made = table(
        "\nSeconds after the end of the lease, in AWS's times",
        *("services", "drained", "drain + namespace", "receipt", "beyond"),
    )
    for each in found:
        cells = (each.drained, each.floor, each.gone, each.beyond)
        made.add_row(str(each.services), *(f"{cell:.1f}" for cell in cells))
    console.print(made)


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.expiry", description=__doc__)
    parser.add_argument("--services", type=int, nargs="+", default=[1, 5])
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        found = measure(given.services, console, stop)
        show(found, console)
        content = [{**asdict(each), "beyond": each.beyond} for each in found]
        return Measurement(targets(found), {"expiries": content})

    return run("expiry", measured)


if __name__ == "__main__":
    sys.exit(main())
