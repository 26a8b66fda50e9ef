"""How long after its true ready time a service is known to be ready.

One environment of 20 services that become ready one after the other. Each has a follower that waits
for it to be HEALTHY, so Bivouac must resume its execution for each: that time counts. For
comparison botocore's services_stable waiter, which is the AWS CLI's, waits for each service.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import Any, Literal

import boto3
from botocore.exceptions import WaiterError
from rich.console import Console

from bench import samples
from bench.executions import deployed
from bench.figures import Target, percentile
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import BenchError, Stop
from localcloud.cloud import LocalCloud
from localcloud.credentials import user_keys
from localcloud.endpoint.calls import Call
from localcloud.events.delivery import Delivery
from localcloud.tasks import scripted
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.timings import AWS_LIKE

WAITERS = user_keys()
SERVICES = 20
FROM, TO = 60.0, 120.0
"""Seconds after CreateService between which they become ready, before scaling."""
SCALE = 0.5
"""Of AWS's times. Bivouac's own pauses and the delivery of events are not scaled."""
LOST_SCALE = 0.05
"""The same if every event is lost; then Bivouac's pauses are scaled too."""
SAFETY_POLL = 660.0
"""Seconds after which a waiting execution polls by itself (create_services), before scaling."""
LIMIT = 300.0

EVENTED_P50, EVENTED_P99, POLLED_MOST = 0.5, 1.0, 2.5

Group = Literal["evented", "polled", "drained", "every event lost"]
"""evented: ready once they run, for which ECS has an event; polled: a health check must pass and
Cloud Map must list them, for which it has none; drained: deleted services are INACTIVE."""


@dataclass(frozen=True)
class Lag:
    """Times are seconds since the epoch."""

    group: Group
    round: int
    service: str
    ready_at: float
    known_at: float
    waiter_at: float | None
    """When botocore's waiter succeeded; None if it was not used, or gave up."""

    @property
    def seconds(self) -> float:
        return self.known_at - self.ready_at

    @property
    def waiter_seconds(self) -> float | None:
        return None if self.waiter_at is None else self.waiter_at - self.ready_at


class Resumed:
    """What executions were resumed with, and when; passed to the local cloud as its `observe`."""

    def __init__(self) -> None:
        self._answers: list[tuple[float, dict[str, Any]]] = []

    def note(self, call: Call) -> None:
        if call.operation == "SendTaskSuccess":
            self._answers.append((time.time(), json.loads(call.parameters["output"])))

    def healthy_since(self, service: str, began: float) -> float:
        return self._first(lambda answer: service in answer.get("healthy", ()), began, service)

    def gone_since(self, began: float) -> float:
        return self._first(lambda answer: answer["status"] == "GONE", began, "the deletion")

    def _first(self, fits: Any, began: float, what: str) -> float:
        for at, answer in self._answers:
            if at >= began and fits(answer):
                return at
        raise BenchError(f"no execution was ever resumed for {what}")


# --- the environment -----------------------------------------------------------------------------


def name(number: int) -> str:
    return f"first-{number:02}"


def request(environment: str, group: Group) -> dict[str, Any]:
    """Followers have no tasks: they only make Bivouac report the service before them."""
    services: list[dict[str, Any]] = []
    for number in range(1, SERVICES + 1):
        make = _polled if group == "polled" else _evented
        services.append(make(name(number), f"lag/{number}"))
        services.append(
            {
                **_evented(f"then-{number:02}", "lag/follower"),
                "desiredCount": 0,
                "dependsOn": [{"serviceName": name(number), "condition": "HEALTHY"}],
            }
        )
    return {"name": environment, "services": services}


def _evented(service: str, image: str) -> dict[str, Any]:
    """In the mesh, without an endpoint: it is ready when its task runs."""
    return {
        "serviceName": service,
        "serviceConnectConfiguration": {"enabled": True},
        "taskDefinition": {
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{"name": "app", "image": image}],
        },
    }


def _polled(service: str, image: str) -> dict[str, Any]:
    check = {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 3}
    container = {"image": image, "containerPort": 80, "healthCheck": check}
    return {"serviceName": service, "primaryContainer": container}


def delays(draw: random.Random) -> list[float]:
    """When each becomes ready, in seconds before scaling: one in each equal part, in any order."""
    part = (TO - FROM) / SERVICES
    drawn = [FROM + part * (number + draw.random()) for number in range(SERVICES)]
    draw.shuffle(drawn)
    return drawn


# --- measuring -----------------------------------------------------------------------------------


class Rounds:
    """On one local cloud."""

    def __init__(self, cloud: LocalCloud, scale: float, resumed: Resumed, stop: Stop) -> None:
        assert isinstance(cloud.runtime, ScriptedRuntime)
        self._cloud = cloud
        self._runtime = cloud.runtime
        self._scale = scale
        self._resumed = resumed
        self._stop = stop
        self._executions = deployed(cloud, stop, LIMIT)
        self._stack = self._executions.stack

    def round(self, group: Group, number: int, draw: random.Random) -> list[Lag]:
        """A create whose services become ready one by one, and its deletion. Functions start
        cold."""
        environment = f"lag-{group.replace(' ', '-')}-{number}"
        until_started = AWS_LIKE.placement + AWS_LIKE.provisioning + AWS_LIKE.pull
        for index, delay in enumerate(delays(draw), start=1):
            after = (delay - until_started) * self._scale
            make = scripted.healthy if group == "polled" else scripted.runs
            self._runtime.script(f"lag/{index}", make(after))
        self._executions.end_warm_functions()
        started = self._executions.start("CreateEnvironment", request(environment, group))
        with self._waiters(f"bivouac-{environment}", group, draw) as content_at:
            created = self._executions.ended(*started)
        if created.failure:
            raise BenchError(created.failure)
        lags = [
            Lag(
                group,
                number,
                name(index),
                self._ready_at(environment, name(index)),
                self._resumed.healthy_since(name(index), created.started_at),
                content_at.get(name(index)),
            )
            for index in range(1, SERVICES + 1)
        ]
        return [*lags, *self._deleted(environment, group, number)]

    def _deleted(self, environment: str, group: Group, number: int) -> Iterator[Lag]:
        content = {"environment": environment, "reason": "measured"}
        deleted = self._executions.succeeded("DeleteEnvironment", content)
        if group == "evented":  # the others have endpoints too, which are removed later
            services = self._cloud.control_plane.ecs.clusters.by_name[f"bivouac-{environment}"]
            inactive = [each.inactive_at for each in services.services.values()]
            at = max(moment for moment in inactive if moment is not None)
            known_at = self._resumed.gone_since(deleted.started_at)
            yield Lag("drained", number, "all", at, known_at, None)

    def _ready_at(self, environment: str, service: str) -> float:
        arn = self._cloud.account.arn("ecs", f"service/bivouac-{environment}/{service}")
        return self._cloud.control_plane.ready_moments[arn][0][1]

    @contextmanager
    def _waiters(
        self, cluster: str, group: Group, draw: random.Random
    ) -> Iterator[dict[str, float]]:
        """One for each service, started at times spread over the pause between two polls."""
        content_at: dict[str, float] = {}
        if group == "every event lost":
            yield content_at
            return
        self._cloud.credentials.admit(WAITERS)
        session: Any = boto3.Session(WAITERS.access_key_id, WAITERS.secret_access_key)
        client = session.client(
            "ecs",
            endpoint_url=self._cloud.endpoint_url,
            region_name=self._cloud.account.region,
        )

        def wait(service: str, after: float) -> None:
            self._stop.pause(after)
            try:
                client.get_waiter("services_stable").wait(cluster=cluster, services=[service])
            except WaiterError:
                return
            content_at[service] = time.time()

        arns = [
            self._cloud.account.arn("ecs", f"service/{cluster}/{name(index)}")
            for index in range(1, SERVICES + 1)
        ]
        self._stop.until(lambda: self._exist(cluster, len(arns)), "the services", LIMIT)
        threads = [
            threading.Thread(
                target=wait, args=(arn.rpartition("/")[2], draw.uniform(0, 15)), daemon=True
            )
            for arn in arns
        ]
        for thread in threads:
            thread.start()
        yield content_at
        for thread in threads:
            thread.join(LIMIT)

    def _exist(self, cluster: str, count: int) -> bool:
        found = self._cloud.control_plane.ecs.clusters.by_name.get(cluster)
        return found is not None and len(found.services) >= count


def _no_events(delivery: Delivery) -> Sequence[float]:
    """ECS's events are lost."""
    event = delivery.event or {}
    return () if event.get("source") == "aws.ecs" else (0.0,)


def measure(rounds: int, seed: int, console: Console, stop: Stop) -> list[Lag]:
    """Raises BenchError, StoppedError."""
    draw, resumed = random.Random(seed), Resumed()
    lags: list[Lag] = []
    timings = replace(
        samples.scaled(AWS_LIKE, SCALE),
        event_delivery=AWS_LIKE.event_delivery,
        wait_scale=AWS_LIKE.wait_scale,
    )
    with LocalCloud(timings, "scripted", 0, observe=resumed.note) as cloud:
        on_it = Rounds(cloud, SCALE, resumed, stop)
        for number in range(1, rounds + 1):
            for group in ("evented", "polled"):
                console.print(f"round {number} of {rounds}: {group}")
                lags += on_it.round(group, number, draw)
    console.print("every event lost")
    resumed = Resumed()
    timings = samples.scaled(AWS_LIKE, LOST_SCALE)
    with LocalCloud(timings, "scripted", 0, resumed.note) as cloud:
        on_it = Rounds(cloud, LOST_SCALE, resumed, stop)
        cloud.deliveries.disturbance = _no_events
        lags += on_it.round("every event lost", 1, draw)
    return lags


# --- showing -------------------------------------------------------------------------------------


def of_group(lags: Sequence[Lag], group: Group) -> list[float]:
    return [lag.seconds for lag in lags if lag.group == group]


def show(lags: Sequence[Lag], console: Console) -> None:
    made = table(
        "\nSeconds from truly ready (or drained) to known",
        *("", "n", "mean", "p50", "p90", "p99", "worst"),
    )

    def row(title: str, values: Sequence[float]) -> None:
        if values:
            cells = [mean(values), *(percentile(values, share) for share in (50, 90, 99, 100))]
            made.add_row(title, str(len(values)), *(f"{cell:.2f}" for cell in cells))

    for group in ("evented", "polled", "drained", "every event lost"):
        row(f"Bivouac: {group}", of_group(lags, group))
        waited = [lag.waiter_seconds for lag in lags if lag.group == group]
        row(f"waiter: {group}", [seconds for seconds in waited if seconds is not None])
    console.print(made)
    console.print(
        f"Ready {FROM:.0f} to {TO:.0f} s after CreateService, in {SCALE:g} of that time; with "
        f"every event lost in {LOST_SCALE:g}. A negative lag: content before it was ready."
    )


def targets(lags: Sequence[Lag]) -> list[Target]:
    evented, polled = of_group(lags, "evented"), of_group(lags, "polled")
    lost = of_group(lags, "every event lost")
    return [
        Target("evented: p50 of the lag, s", percentile(evented, 50), EVENTED_P50),
        Target("evented: p99 of the lag, s", percentile(evented, 99), EVENTED_P99),
        Target("polled: longest lag, s", max(polled), POLLED_MOST),
        Target("drained: longest lag, s", max(of_group(lags, "drained")), POLLED_MOST),
        Target(
            "every event lost: longest lag, s before scaling", max(lost) / LOST_SCALE, SAFETY_POLL
        ),
    ]


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.lag", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of each group (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        lags = measure(given.rounds, given.seed, console, stop)
        show(lags, console)
        content = {
            "scale": SCALE,
            "scaleWithoutEvents": LOST_SCALE,
            "seed": given.seed,
            "lags": [{**asdict(lag), "seconds": round(lag.seconds, 3)} for lag in lags],
        }
        return Measurement(targets(lags), content)

    return run("lag", measured)


if __name__ == "__main__":
    sys.exit(main())
