"""How long a whole cycle takes, in physical floors: create, prove, delete, receipt.

The floor is what AWS itself takes, part by part, for a caller that requests everything as early as
possible and learns everything at once. For comparison, the Service Connect tutorial's own way, by
AWS CLI and curl, for the same services in the same waves, on the same local cloud at the same time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import samples
from bench.commands import Commands
from bench.executions import Executions, deployed
from bench.figures import Step, Target
from bench.report import WORTH_A_ROW, table
from bench.running import Measurement, run
from bench.waiting import BenchError, Stop
from localcloud.account import EXECUTION_ROLE_NAME, SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.cloud import LocalCloud
from localcloud.credentials import user_keys
from localcloud.tasks.scripted_edges import PROOF_SECONDS
from localcloud.timings import AWS_LIKE, Timings

LIMIT = 900.0
MOST_RATIO = 1.10
KEYS = user_keys()
TRY_AGAIN = 5.0
"""Seconds until a person repeats a refused deletion."""
CURL_EVERY = 1.0
SERVICES_A_WAIT = 10
"""`aws ecs wait` accepts no more."""


@dataclass(frozen=True)
class Part:
    """Something that takes AWS time and cannot begin earlier."""

    name: str
    seconds: float
    times: int = 1


def floor(timings: Timings, waves: int, proof: float) -> tuple[Part, ...]:
    """One after another; of concurrent parts the longest. Pure.

    Proof clients start together with the last wave, so only their answers count. A namespace can be
    deleted when ECS has removed its endpoints, a cluster when no task is left."""
    endpoints_go = timings.discovery_removal + timings.namespace_operation
    return (
        Part("namespace operation", timings.namespace_operation),
        Part("placement", timings.placement, waves),
        Part("provisioning", timings.provisioning, waves),
        Part("pull", timings.pull, waves),
        Part("registration", timings.registration, waves),
        Part("answers to the proof", proof),
        # What is registered is deregistered first, and only then stopped.
        Part("drain", timings.placement + timings.registration),
        Part(
            "deprovisioning | discovery removal + namespace deletion",
            max(timings.deprovisioning, endpoints_go),
        ),
        Part("receipt", 0.0),
    )


def seconds_of(parts: Sequence[Part]) -> float:
    return sum(part.seconds * part.times for part in parts)


@dataclass(frozen=True)
class Cycle:
    """Seconds, except for the numbers."""

    way: str
    services: int
    created: float
    deleted: float
    floor: float
    steps: tuple[Step, ...]
    transitions: int | None = None

    @property
    def seconds(self) -> float:
        return self.created + self.deleted

    @property
    def ratio(self) -> float:
        return self.seconds / self.floor


# --- Bivouac -------------------------------------------------------------------------------------


def bivouac(executions: Executions, services: int, floor_seconds: float) -> Cycle:
    """Each function starts cold, in create and in delete. Raises BenchError, StoppedError."""
    name = f"shop-{services}"
    executions.end_warm_functions()
    created = executions.succeeded("CreateEnvironment", samples.environment(name, services))
    executions.end_warm_functions()
    content = {"environment": name, "reason": "measured"}
    deleted = executions.succeeded("DeleteEnvironment", content)
    return Cycle(
        "Bivouac",
        services,
        created.ended_at - created.started_at,
        deleted.ended_at - deleted.started_at,
        floor_seconds,
        (*executions.steps(created.arn), *executions.steps(deleted.arn)),
        created.transitions + deleted.transitions,
    )


# --- the tutorial's way --------------------------------------------------------------------------


class AwsCli:
    """Command after command, as a person types them; refused deletions are repeated."""

    def __init__(self, cloud: LocalCloud, directory: Path, services: int, stop: Stop) -> None:
        self._cloud = cloud
        self._directory = directory
        self._name = f"cli-{services}"
        self._waves = samples.waves(services)
        self._services = [service for wave in self._waves for service in wave]
        self._stop = stop
        self._steps: list[Step] = []
        self._began = time.time()
        cloud.credentials.admit(KEYS)
        self._commands = Commands(
            {
                "AWS_ACCESS_KEY_ID": KEYS.access_key_id,
                "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
                "AWS_DEFAULT_REGION": cloud.account.region,
                "AWS_ENDPOINT_URL": cloud.endpoint_url,
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            },
            stop,
        )

    def cycle(self, floor_seconds: float) -> Cycle:
        """Raises BenchError, StoppedError."""
        self._began = time.time()
        self._create()
        created = time.time() - self._began
        self._delete()
        deleted = time.time() - self._began - created
        count = len(self._services)
        return Cycle("AWS CLI", count, created, deleted, floor_seconds, tuple(self._steps))

    def _create(self) -> None:
        defaults = f"namespace={self._name}"
        self._aws("logs", "create-log-group", "--log-group-name", f"/{self._name}")
        self._aws(
            *("ecs", "create-cluster", "--cluster-name", self._name),
            *("--service-connect-defaults", defaults),
        )
        for service in self._services:
            self._typed("register-task-definition", f"{service}-definition", self._task(service))
        for wave in self._waves:
            for service in wave:
                self._typed("create-service", service, self._service(service))
            self._wait("services-stable", wave)
        for service in self._services:
            self._curl(f"{service}.{self._name}.localhost")

    def _delete(self) -> None:
        for service in reversed(self._services):
            self._ecs("delete-service", "--cluster", self._name, "--service", service, "--force")
        self._wait("services-inactive", self._services)
        for service in self._services:
            self._ecs("deregister-task-definition", "--task-definition", self._family(service, 1))
        self._until_taken("ecs", "delete-cluster", "--cluster", self._name)
        namespace = self._namespace_id()
        answer = self._until_taken("servicediscovery", "delete-namespace", "--id", namespace)
        operation = json.loads(answer)["OperationId"]
        while "SUCCESS" not in self._aws(
            *("servicediscovery", "get-operation", "--operation-id", operation),
            *("--query", "Operation.Status"),
        ):
            self._stop.pause(TRY_AGAIN)
        self._aws("logs", "delete-log-group", "--log-group-name", f"/{self._name}")

    def _namespace_id(self) -> str:
        query = f"Namespaces[?Name=='{self._name}'].Id | [0]"
        listed = self._aws("servicediscovery", "list-namespaces", "--query", query)
        return str(json.loads(listed))

    def _wait(self, what: str, services: Sequence[str]) -> None:
        for first in range(0, len(services), SERVICES_A_WAIT):
            batch = services[first : first + SERVICES_A_WAIT]
            self._ecs("wait", what, "--cluster", self._name, "--services", *batch)

    def _ecs(self, *arguments: str) -> str:
        return self._aws("ecs", *arguments)

    def _aws(self, *arguments: str) -> str:
        words = 3 if arguments[1] == "wait" else 2
        after = time.time() - self._began
        ended = self._commands.aws(*arguments)
        command = " ".join(("aws", *arguments[:words]))
        self._steps.append(Step(command, "command", 1, after, ended.seconds))
        return ended.output

    def _until_taken(self, *arguments: str) -> str:
        end = time.monotonic() + LIMIT
        while True:
            try:
                return self._aws(*arguments)
            except BenchError:
                if time.monotonic() > end:
                    raise
                self._stop.pause(TRY_AGAIN)

    def _curl(self, host: str) -> None:
        end = time.monotonic() + LIMIT
        while self._commands.curl(self._cloud.endpoint_url, host) is None:
            if time.monotonic() > end:
                raise BenchError(f"{host} has not answered within {LIMIT:.0f} s")
            self._stop.pause(CURL_EVERY)

    def _typed(self, command: str, name: str, content: dict[str, Any]) -> None:
        path = self._directory / f"{self._name}-{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        self._ecs(command, "--cli-input-json", f"file://{path}")

    def _family(self, service: str, revision: int) -> str:
        return f"{self._name}-{service}:{revision}"

    def _task(self, service: str) -> dict[str, Any]:
        """The meaning of a request's short form: one container with one port."""
        port = {"name": service, "containerPort": 80, "appProtocol": "http"}
        log = {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": f"/{self._name}",
                "awslogs-region": self._cloud.account.region,
                "awslogs-stream-prefix": service,
            },
        }
        container = {
            "name": service,
            "image": samples.IMAGE,
            "portMappings": [port],
            "logConfiguration": log,
        }
        return {
            "family": f"{self._name}-{service}",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": f"arn:aws:iam::{self._cloud.account.account_id}:role/"
            + EXECUTION_ROLE_NAME,
            "containerDefinitions": [container],
        }

    def _service(self, service: str) -> dict[str, Any]:
        alias = {"port": 80, "dnsName": service}
        network = {
            "subnets": list(SUBNET_IDS),
            "securityGroups": [SECURITY_GROUP_ID],
            "assignPublicIp": "ENABLED",
        }
        return {
            "cluster": self._name,
            "serviceName": service,
            "taskDefinition": f"{self._name}-{service}",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": network},
            "serviceConnectConfiguration": {
                "enabled": True,
                "namespace": self._name,
                "services": [{"portName": service, "clientAliases": [alias]}],
            },
        }


# --- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    cycles: Sequence[Cycle]
    floors: dict[int, tuple[Part, ...]]

    def of(self, way: str) -> list[Cycle]:
        return sorted((c for c in self.cycles if c.way == way), key=lambda c: c.services)


def measure(sizes: Sequence[int], with_cli: bool, console: Console, stop: Stop) -> Measured:
    """Raises BenchError, StoppedError."""
    floors = {n: floor(AWS_LIKE, len(samples.waves(n)), PROOF_SECONDS) for n in sizes}
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalCloud(AWS_LIKE, "scripted", 0) as cloud,
        ThreadPoolExecutor() as pool,
    ):
        executions = deployed(cloud, stop, LIMIT)

        cycles = []
        try:
            for services in sizes:
                console.print(f"a cycle of {services} service(s)")
                cycles.append(bivouac(executions, services, seconds_of(floors[services])))
            if with_cli:
                console.print("the same by the AWS CLI")
            cli = [
                pool.submit(AwsCli(cloud, Path(directory), n, stop).cycle, seconds_of(floors[n]))
                for n in (sizes if with_cli else ())
            ]
            cycles += [each.result() for each in cli]
        except BaseException:
            stop.request()
            raise
    return Measured(cycles, floors)


# --- showing -------------------------------------------------------------------------------------


def show(measured: Measured, console: Console) -> None:
    sizes = sorted(measured.floors)
    made = table("\nThe floor, by number of services", "part", *(f"{n}, s" for n in sizes))
    for parts in zip(*(measured.floors[n] for n in sizes), strict=True):
        cells = [
            f"{part.seconds:g}" if part.times == 1 else f"{part.times} x {part.seconds:g}"
            for part in parts
        ]
        made.add_row(parts[0].name, *cells)
    made.add_section()
    made.add_row("floor", *(f"{seconds_of(measured.floors[n]):.1f}" for n in sizes))
    console.print(made)
    made = table(
        "\nA whole cycle", "way", "services", "created, s", "deleted, s", "cycle, s", "/ floor"
    )
    for way in ("AWS CLI", "Bivouac"):
        for cycle in measured.of(way):
            numbers = (cycle.created, cycle.deleted, cycle.seconds)
            cells = [f"{number:.1f}" for number in numbers]
            made.add_row(way, str(cycle.services), *cells, f"{cycle.ratio:.3f}")
    console.print(made)
    for cycle in measured.of("Bivouac"):
        made = table(
            f"\nWhere Bivouac's time goes, {cycle.services} service(s)",
            *("state", "times", "from s", "s"),
        )
        for step in cycle.steps:
            if step.seconds >= WORTH_A_ROW:
                made.add_row(
                    step.name, str(step.visits), f"{step.began_after:.1f}", f"{step.seconds:.1f}"
                )
        console.print(made)


def targets(measured: Measured) -> list[Target]:
    return [
        Target(f"cycle / floor, {cycle.services} service(s)", cycle.ratio, MOST_RATIO)
        for cycle in measured.of("Bivouac")
    ]


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.cycle", description=__doc__)
    parser.add_argument(
        "--services", type=int, nargs="+", default=list(samples.SIZES), help="sizes to measure"
    )
    parser.add_argument("--without-cli", action="store_true", help="Bivouac's cycles alone")
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        found = measure(given.services, not given.without_cli, console, stop)
        show(found, console)
        content = {
            "timings": asdict(AWS_LIKE),
            "floors": {n: [asdict(part) for part in parts] for n, parts in found.floors.items()},
            "cycles": [{**asdict(c), "ratio": round(c.ratio, 3)} for c in found.cycles],
        }
        return Measurement(targets(found), content)

    return run("cycle", measured)


if __name__ == "__main__":
    sys.exit(main())
