"""What the command line costs: a page of the list with 1,000 environments, and its own start.

The list is read on the strict account in this process; the program starts as a process."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

from rich.console import Console

from bench import rehearsal
from bench.figures import Target
from bench.report import table
from bench.running import PROJECT, Measurement, run
from bench.waiting import Stop
from bivouac.aws.environments_table import LISTED, SUMMARIES_INDEX
from bivouac.commands.question import LARGEST_PAGE
from bivouac.environment.record import Status
from tests.functional.account import TABLE, BivouacAccount
from tests.requests import environment

MOST_RATIO_OF_A_PAGE = 2.0
MOST_RATIO_OF_A_START = 1.3
LARGEST_ANSWER = 6 * 1024 * 1024
"""Bytes of a function's answer (Lambda developer guide, quotas)."""
LONGEST_OWNER, LONGEST_REPOSITORY = "o" * 128, "r" * 256
STARTS = {
    "import boto3": "import boto3",
    "bivouac --help": "from bivouac_cli.program import main; main(['--help'])",
    "bivouac ls (imports)": (
        "import bivouac_cli.program, bivouac_cli.clients, bivouac_cli.commands, bivouac_cli.screen,"
        " bivouac_cli.stack"
    ),
}
BASELINE = "import boto3"


@dataclass(frozen=True)
class Page:
    environments: int
    """In the table."""
    entries: int
    calls: Sequence[str]
    """Of the function, for one page."""
    answer_bytes: int
    seconds: float
    query_seconds: float
    """Of a Query of as many items by the same client; both are the fastest of all rounds."""

    @property
    def ratio(self) -> float:
        return self.seconds / self.query_seconds


# --- a page --------------------------------------------------------------------------------------


def page(environments: int, rounds: int) -> Page:
    with rehearsal.aws_like_account() as account:
        for number in range(environments):
            account.holds(account.planned(_request(number)), status=Status.READY)
        account.forget_calls()
        answer = _listed(account)
        calls = list(account.calls)
        pairs = [(_timed(_listed, account), _timed(_queried, account)) for _ in range(rounds)]
        return Page(
            environments,
            len(answer["environments"]),
            calls,
            len(json.dumps(answer).encode()),
            min(listed for listed, _ in pairs),
            min(queried for _, queried in pairs),
        )


def _request(number: int) -> dict[str, Any]:
    """As large as what a list shows of it."""
    repository = {"repository": LONGEST_REPOSITORY, "number": number + 1}
    return environment(
        name=f"pr-{number}", owner=LONGEST_OWNER, triggers={"pullRequest": repository}
    )


def _listed(account: BivouacAccount) -> dict[str, Any]:
    with redirect_stdout(StringIO()):  # its metrics
        return account.invoke("describe_environments", {"limit": LARGEST_PAGE})


def _queried(account: BivouacAccount) -> dict[str, Any]:
    answer: dict[str, Any] = account.client("dynamodb").query(
        TableName=TABLE,
        IndexName=SUMMARIES_INDEX,
        KeyConditionExpression="listed = :listed",
        ExpressionAttributeValues={":listed": {"S": LISTED}},
        Limit=LARGEST_PAGE,
    )
    return answer


def _timed(call: Callable[[BivouacAccount], Any], account: BivouacAccount) -> float:
    began = time.perf_counter()
    call(account)
    return time.perf_counter() - began


# --- the start -----------------------------------------------------------------------------------


def starts(rounds: int, stop: Stop) -> dict[str, float]:
    """Processor seconds of each, the fastest of all rounds; a busy machine adds to the others."""
    fastest = dict.fromkeys(STARTS, float("inf"))
    for _ in range(rounds):
        for name, program in STARTS.items():
            stop.pause(0)  # ends here if it was interrupted
            fastest[name] = min(fastest[name], _processor_seconds(program))
    return fastest


def _processor_seconds(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "cli")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# --- what is shown -------------------------------------------------------------------------------


def targets(found: Page, seconds: Mapping[str, float]) -> list[Target]:
    queries = sum(call == "dynamodb:Query" for call in found.calls)
    others = len(found.calls) - queries
    return [
        Target("calls for a page, all of them Query", queries + 1000 * others, 1),
        Target("a page / a bare Query of its size", found.ratio, MOST_RATIO_OF_A_PAGE),
        Target("bytes of the answer", found.answer_bytes, LARGEST_ANSWER),
        *(
            Target(f"{name} / {BASELINE}", taken / seconds[BASELINE], MOST_RATIO_OF_A_START)
            for name, taken in seconds.items()
            if name != BASELINE
        ),
    ]


def show(found: Page, seconds: Mapping[str, float], console: Console) -> None:
    made = table(
        f"A page of {found.entries} of {found.environments:,} environments, the fastest of all",
        *("", "ms"),
    )
    made.add_row("describe_environments", f"{found.seconds * 1000:.1f}")
    made.add_row("a bare Query", f"{found.query_seconds * 1000:.1f}")
    console.print(made)
    made = table("\nThe start of a process, the fastest of all", "", "processor ms")
    for name, taken in seconds.items():
        made.add_row(name, f"{taken * 1000:.0f}")
    console.print(made)


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.command_line", description=__doc__)
    parser.add_argument("--environments", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        seconds = starts(given.rounds, stop)
        found = page(given.environments, given.rounds)
        show(found, seconds, console)
        content = {"page": asdict(found), "starts": seconds}
        return Measurement(targets(found, seconds), content)

    return run("command_line", measured)


if __name__ == "__main__":
    sys.exit(main())
