"""How long a sweep takes, and how many of them until all work has begun, under AWS's rate limits.

Bivouac's own function on the strict account in this process. Each call moves the clock by its cost:
a round trip, and botocore's pauses if a rate limit refuses it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, field
from functools import partial
from io import StringIO
from types import SimpleNamespace
from typing import Any
from unittest import mock

# From template.yaml; the clients read it when their module is first imported.
os.environ["AWS_MAX_ATTEMPTS"] = "5"

from moto.core.botocore_stubber import BotocoreStubber
from rich.console import Console

from bench import rehearsal
from bench.figures import Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import Stop
from bivouac.environment import naming
from bivouac.environment.record import Status
from localcloud.cloudmap import registry
from localcloud.endpoint.calls import Call
from localcloud.endpoint.rate_limits import LIMITS, RateLimits
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    EXTEND_MACHINE,
    REDEPLOY_MACHINE,
    SLEEP_MACHINE,
    TABLE,
    WAKE_MACHINE,
    BivouacAccount,
)
from tests.requests import environment, web
from tests.template import declared

FUNCTION = declared.functions()["SweepEnvironmentsFunction"]
assert str(FUNCTION["Environment"]["Variables"]["AWS_MAX_ATTEMPTS"]) == "5"
ROUND_TRIP = 0.02
"""Seconds of a call."""
QUARTER = 900.0
MOST_SECONDS = FUNCTION["Timeout"] / 4
MOST_SWEEPS = 4
GIVEN_UP_AFTER = 12
SERVICES = ("one", "two")
MACHINES = (
    CREATE_MACHINE,
    DELETE_MACHINE,
    EXTEND_MACHINE,
    REDEPLOY_MACHINE,
    SLEEP_MACHINE,
    WAKE_MACHINE,
)
HOUR = 3600


@dataclass(frozen=True)
class Case:
    records: int
    share_of_others: float
    """Of every rate limit: used by concurrent creates and deletions."""

    @property
    def overdue(self) -> int:
        """Among the records."""
        return self.records // 5

    @property
    def orphans(self) -> int:
        """Beside them, each of 7 resources."""
        return self.records // 5

    @property
    def name(self) -> str:
        beside = f", others take {self.share_of_others:.0%}" if self.share_of_others else ""
        return f"{self.records:,} records, {self.orphans} orphans{beside}"


@dataclass(frozen=True)
class Run:
    simulated: float
    """Seconds."""
    calls: int
    """Attempts included."""
    refused: int
    by_operation: dict[str, int]
    real: float
    """Seconds of this process, including the account's own work."""
    repaired: int
    due: int
    not_looked_at: int
    begun: int
    """Overdue environments and orphans, all sweeps until then."""
    unlike_the_dry_run: int
    """Findings."""


@dataclass(frozen=True)
class Swept:
    case: Case
    megabytes: float
    """The most memory that a sweep uses at a time, including the account's answers."""
    runs: Sequence[Run]

    @property
    def all_begun(self) -> bool:
        return self.runs[-1].begun == self.case.overdue + self.case.orphans


@dataclass
class Aws:
    """Between botocore and the account: takes time, and refuses calls that come too fast."""

    account: BivouacAccount
    others: float
    limits: RateLimits = field(init=False)
    calls: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    _owed: dict[str, float] = field(default_factory=dict)
    _seen: float = 0.0
    """The time until which others have called."""

    def __post_init__(self) -> None:
        self.limits = RateLimits(self.account.plane.clock)

    def _others_call(self) -> None:
        seconds, self._seen = self._now - self._seen, self._now
        for limit in LIMITS if self.others else ():
            name = min(limit.operations)
            key = f"{limit.service}:{name}"
            owed = self._owed.get(key, 0.0) + limit.rate * self.others * seconds
            for _ in range(int(owed)):
                self.limits.refusal_of(_call(limit.service, name))
            self._owed[key] = owed % 1

    @property
    def _now(self) -> float:
        return self.account.plane.clock.now()

    def answer(self, request: Any, send: Any) -> Any:
        self.account.pass_time(ROUND_TRIP)
        self._others_call()
        service, _, operation = self.account.calls[-1].partition(":")
        self.calls[f"{service}:{operation}"] += 1
        if refusal := self.limits.refusal_of(_call(service, operation)):
            self.refused += 1
            return 400, {"x-amzn-errortype": refusal[0]}, f'{{"__type": "{refusal[0]}"}}'
        return send()

    @contextmanager
    def between(self) -> Iterator[None]:
        process = BotocoreStubber.process_request

        def replaced(stubber: BotocoreStubber, request: Any) -> Any:
            return self.answer(request, lambda: process(stubber, request))

        self._seen = self._now
        pauses = SimpleNamespace(sleep=self.account.pass_time)
        with (
            mock.patch.object(BotocoreStubber, "process_request", replaced),
            mock.patch("botocore.endpoint.time", pauses),
        ):
            yield


def _call(service: str, operation: str) -> Call:
    return Call(service, operation, "", is_xml=False, path="/", query="", body=b"")


# --- the account ---------------------------------------------------------------------------------


def _furnish(account: BivouacAccount, case: Case) -> None:
    """All resources of an environment except its services, which a sweep does not list."""
    for machine in MACHINES:
        account.start_execution("of-another", machine)
    for number in range(case.records + case.orphans):
        name = _name(number)
        _make(account, name)
        if number < case.records:
            _record(account, name, overdue=number < case.overdue)
    account.pass_time(60)
    for entry in _namespaces(account):
        name = entry["Name"].removeprefix("bivouac-")
        if _number(name) < case.records:
            account.records.finish(name, 1, Status.READY, namespaceArn=entry["Arn"])
    account.forget_calls()


def _name(number: int) -> str:
    """Orphans and overdue ones are spread among the others alphabetically."""
    return f"e-{number * 7919 % 10_000:04}-{number}"


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _make(account: BivouacAccount, name: str) -> None:
    tags = naming.ownership_tags("bivouac", name)
    ecs_tags = [{"key": key, "value": value} for key, value in tags.items()]
    cluster = naming.cluster_name("bivouac", name)
    ecs, logs = account.client("ecs"), account.client("logs")
    ecs.create_cluster(clusterName=cluster, tags=ecs_tags)
    account.client("servicediscovery").create_http_namespace(
        Name=cluster, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )
    for service in SERVICES:
        ecs.register_task_definition(
            family=naming.family("bivouac", name, service),
            containerDefinitions=[{"name": service, "image": "nginx", "memory": 128}],
            tags=ecs_tags,
        )
        logs.create_log_group(logGroupName=naming.log_group("bivouac", name, service), tags=tags)
    logs.create_log_group(logGroupName=naming.proof_log_group("bivouac", name), tags=tags)


def _record(account: BivouacAccount, name: str, overdue: bool) -> None:
    ends = account.now().timestamp() + (-HOUR - _number(name) if overdue else 30 * 24 * HOUR)
    moment = account.now().fromtimestamp(ends, account.now().tzinfo)
    account.holds(
        account.planned(environment(*(web(serviceName=each) for each in SERVICES), name=name)),
        status=Status.READY,
        expires_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    )
    if not overdue:
        account.schedules.arm_expiry(name, moment, account.now())


def _namespaces(account: BivouacAccount) -> Iterator[dict[str, Any]]:
    for page in account.client("servicediscovery").get_paginator("list_namespaces").paginate():
        yield from page["Namespaces"]


def _deletions_take(account: BivouacAccount, begun: set[str]) -> None:
    """The first calls of a started deletion; the rest takes longer than all sweeps."""
    client = account.client("stepfunctions")
    pages = client.get_paginator("list_executions")
    for page in pages.paginate(stateMachineArn=DELETE_MACHINE):
        for each in page["executions"]:
            started = client.describe_execution(executionArn=each["executionArn"])
            name = json.loads(started["input"]).get("environment")
            if name in begun or not name:
                continue
            begun.add(name)
            account.client("dynamodb").update_item(
                TableName=TABLE,
                Key={"environment": {"S": name}},
                UpdateExpression="SET #s = :s, execution = :e",
                ExpressionAttributeNames={"#s": "status"},
                ExpressionAttributeValues={
                    ":s": {"S": Status.DELETING},
                    ":e": {"S": each["executionArn"]},
                },
            )


# --- sweeping ------------------------------------------------------------------------------------


def sweep(case: Case) -> Swept:
    random.seed(case.records)  # botocore's pauses
    with (
        rehearsal.aws_like_account() as account,
        mock.patch.object(registry, "NAMESPACES_PER_REGION", 10_000),  # a raised quota
    ):
        _furnish(account, case)
        aws = Aws(account, case.share_of_others)
        begun: set[str] = set()
        runs: list[Run] = []
        megabytes = _memory(account)
        while len(runs) < GIVEN_UP_AFTER:
            account.pass_time(QUARTER - account.plane.clock.now() % QUARTER)
            with aws.between():
                dry = _invoked(account, dry_run=True)
            account.pass_time(QUARTER / 2)
            runs.append(_run(account, aws, dry, begun))
            if runs[-1].begun == case.overdue + case.orphans:
                break
        return Swept(case, megabytes, runs)


def _invoked(account: BivouacAccount, dry_run: bool) -> dict[str, Any]:
    with redirect_stdout(StringIO()):  # its metrics
        return account.invoke("sweep_environments", {"dryRun": dry_run})


def _memory(account: BivouacAccount) -> float:
    tracemalloc.start()
    _invoked(account, dry_run=True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    account.forget_calls()
    return most / 1e6


def _run(account: BivouacAccount, aws: Aws, dry: dict[str, Any], begun: set[str]) -> Run:
    aws.calls.clear()
    aws.refused = 0
    since, clock = account.plane.clock.now(), time.perf_counter()
    with aws.between():
        swept = _invoked(account, dry_run=False)
    simulated, real = account.plane.clock.now() - since, time.perf_counter() - clock
    account.forget_calls()
    acted = [each for each in swept["findings"] if each.pop("outcome") == "ACTED"]
    begun |= {each["environment"] for each in acted if each["kind"] == "resources without a record"}
    _deletions_take(account, begun)
    announced = dry["findings"][: dry["repaired"]]
    unlike = sum(a != b for a, b in zip(acted, announced, strict=False))
    return Run(
        simulated,
        aws.calls.total(),
        aws.refused,
        dict(aws.calls.most_common()),
        real,
        swept["repaired"],
        swept["due"],
        swept["notLookedAt"],
        len(begun),
        unlike + abs(len(acted) - len(announced)),
    )


def targets(results: Sequence[Swept]) -> list[Target]:
    found = []
    for swept in results:
        name = swept.case.name
        sweeps = len(swept.runs) if swept.all_begun else GIVEN_UP_AFTER + 1
        found += [
            Target(f"longest sweep, s: {name}", max(r.simulated for r in swept.runs), MOST_SECONDS),
            Target(f"sweeps until all work has begun: {name}", sweeps, MOST_SWEEPS),
            Target(
                f"findings unlike the dry run's: {name}",
                sum(r.unlike_the_dry_run for r in swept.runs),
                0,
            ),
        ]
    return found


def show(results: Sequence[Swept], console: Console) -> None:
    for swept in results:
        columns = ("sweep", "s", "calls", "refused", "repaired", "due", "not looked at", "begun")
        made = table(
            f"\n{swept.case.name}, {swept.case.overdue} overdue; {swept.megabytes:.0f} MB at most",
            *columns,
            "real s",
        )
        for number, each in enumerate(swept.runs, 1):
            counts = (each.calls, each.refused, each.repaired, each.due, each.not_looked_at)
            made.add_row(
                str(number),
                f"{each.simulated:.1f}",
                *(f"{count:,}" for count in (*counts, each.begun)),
                f"{each.real:.1f}",
            )
        console.print(made)


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.sweep", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[200, 1000])
    given = parser.parse_args()
    cases = [Case(records, 0.0) for records in given.records]
    cases.append(Case(given.records[-1], 0.5))

    def measured(console: Console, stop: Stop) -> Measurement:
        results = rehearsal.in_parallel(partial(_nth, tuple(cases)), len(cases), stop)
        show(results, console)
        return Measurement(targets(results), {"cases": [asdict(each) for each in results]})

    return run("sweep", measured)


def _nth(cases: Sequence[Case], number: int) -> Swept:
    return sweep(cases[number])


if __name__ == "__main__":
    sys.exit(main())
