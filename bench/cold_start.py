"""How long each function takes to start in Lambda, compared with one that only uses boto3.

A start is Lambda's INIT phase: the runtime, the imports, and the boto3 clients that the handler
uses - created at once, so that no function looks fast because it creates them with its first event.
As in Lambda, code and dependencies have no bytecode beside them: `sam build` ships none, and
/var/task cannot be written.

The starts of all functions are interleaved at random, so that whatever else the machine does
affects each of them alike. It can only lengthen a start, so the ratio of the fastest ones counts.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.figures import Target
from bench.lambda_emulator import emulator_in, init_duration
from bench.report import table
from bench.running import PROJECT, Measurement, run
from bench.waiting import Stop

FUNCTIONS = PROJECT / "functions"

BASELINE = "boto3_clients"
BASELINE_LOCK = PROJECT / "requirements" / "cold_start_baseline.txt"
"""The functions ship botocore without boto3; the baseline needs both."""
BASELINE_SERVICES = ("ecs", "servicediscovery")
ALLOWED_RATIO = 1.3
EXCEPTED = frozenset({"check_request", "accept_request"})
"""Both parse untrusted JSON with pydantic; the first, once per environment, with ECS's whole
service model too. Nobody waits for the second, which events call."""


@dataclass(frozen=True)
class Measured:
    """Milliseconds of the starts of one function, and their ratios to the baseline's."""

    function: str
    clients: tuple[str, ...]
    init_ms: tuple[float, ...]
    ratio: float
    median_ratio: float

    @property
    def slow(self) -> bool:
        return self.ratio > ALLOWED_RATIO and self.function not in EXCEPTED


def clients_of(function: Path) -> tuple[str, ...]:
    """The services of the clients that the function's module takes from `bivouac.aws.clients`.

    `bivouac.stack` reads the record, with a DynamoDB client."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(function.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module="bivouac.stack"):
                found["dynamodb"] = None
            case ast.Call(func=ast.Attribute(value=ast.Name(id="clients"), attr=service)):
                found[service] = None
    return tuple(found)


def make_task_root(directory: Path) -> dict[str, tuple[str, ...]]:
    """Fills `directory` like Lambda's /var/task, with one module `start_<name>` per start.

    Returns the name of each function, and of the baseline -> the services of its clients."""
    shutil.copytree(
        FUNCTIONS, directory, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    uv = Path(sys.executable).with_name("uv")
    locks = (FUNCTIONS / "requirements.txt", BASELINE_LOCK)
    options = ["--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
    for lock in locks:
        subprocess.run(
            [uv, "pip", "install", *options, "--target", directory, "--requirement", lock],
            check=True,
        )
    services: dict[str, tuple[str, ...]] = {BASELINE: BASELINE_SERVICES}
    _write_start(
        directory,
        BASELINE,
        "import boto3",
        [f"boto3.client({name!r})" for name in services[BASELINE]],
    )
    for path in sorted(FUNCTIONS.glob("*.py")):
        services[path.stem] = clients_of(path)
        _write_start(
            directory,
            path.stem,
            f"import {path.stem}",
            ["from bivouac.aws import clients"] * bool(services[path.stem])
            + [f"clients.{name}()" for name in services[path.stem]],
        )
    return services


def _write_start(directory: Path, name: str, imported: str, made: list[str]) -> None:
    lines = [imported, *made, "def handler(event, context): return None", ""]
    (directory / f"start_{name}.py").write_text("\n".join(lines), encoding="utf-8")


def measure(starts: int, console: Console) -> list[Measured]:
    """`starts` cold starts of each function and of the baseline, which comes first."""
    emulator = emulator_in(PROJECT / ".venv-sam")
    runtime = PROJECT / ".venv-cold_start" / "bin" / "python"
    with tempfile.TemporaryDirectory() as task_root:
        services = make_task_root(Path(task_root))
        durations: dict[str, list[float]] = {name: [] for name in services}
        for name in track(_interleaved(list(services), starts), "Cold starts", console=console):
            durations[name].append(
                init_duration(emulator, runtime, Path(task_root), f"start_{name}.handler")
            )
    baseline = durations[BASELINE]
    return [
        Measured(
            name,
            services[name],
            tuple(init_ms),
            ratio=round(min(init_ms) / min(baseline), 3),
            median_ratio=round(median(init_ms) / median(baseline), 3),
        )
        for name, init_ms in durations.items()
    ]


def _interleaved(names: list[str], rounds: int) -> list[str]:
    return [name for _ in range(rounds) for name in random.sample(names, len(names))]


def table_of(measured: list[Measured], starts: int) -> Table:
    title = (
        f"INIT in the Lambda runtime emulator, {starts} cold starts each, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
    made = table(title, "function", "min ms", "median", "max", "ratio", "medians", "")
    for one in sorted(measured, key=lambda one: (one.function != BASELINE, one.ratio)):
        made.add_row(
            one.function,
            *(f"{of(one.init_ms):.0f}" for of in (min, median, max)),
            f"{one.ratio:.2f}",
            f"{one.median_ratio:.2f}",
            _verdict(one),
        )
    return made


def _verdict(one: Measured) -> str:
    if one.function == BASELINE:
        return "baseline"
    if one.function in EXCEPTED:
        return "excepted"
    return f"[red]NG > {ALLOWED_RATIO}" if one.slow else "OK"


def main() -> int:
    """Exit code 0 only if every function but the exceptions keeps within ALLOWED_RATIO."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--starts", type=int, default=11, help="cold starts of each (default 11)")
    starts = parser.parse_args().starts

    def measured(console: Console, _: Stop) -> Measurement:
        found = measure(starts, console)
        console.print(table_of(found, starts))
        slow = Target("functions that start too slowly", sum(one.slow for one in found), 0)
        content = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "starts": starts,
            "allowedRatio": ALLOWED_RATIO,
            "functions": [asdict(one) | {"slow": one.slow} for one in found],
        }
        return Measurement([slow], content)

    return run("cold_start", measured)


if __name__ == "__main__":
    sys.exit(main())
