"""Which secrets a log line shows, which harmless lines are redacted, and what hostile text
costs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from bench.figures import Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import Stop
from bivouac.redaction.text import last_lines, redacted
from bivouac.request.rules.plain_values import secret_problem
from tests.secret_cases import Secret, harmless, secrets

HOSTILE_LENGTH = 100_000
ALLOWED = 3
"""Leaks, and false cuts."""
SECONDS = 2.0
"""A function has 30 seconds in all."""

HOSTILE: dict[str, str] = {
    "letters": "a",
    "spaces": " ",
    "quotes": '"',
    "escaped quotes": '\\"',
    "names": "token",
    "names and signs": "token=",
    "names in a sentence": "password is ",
    "names in a list": '"password",',
    "names and values": "name: password, ",
    "encoded": "token%3D",
    "flags": " --a",
    "mysql": "mysql -",
    "addresses": "://a:",
    "users": "a:b@c:",
    "schemes": "basic ",
    "headers": "authorization: ",
    "cookies": "cookie: a=",
    "ARNs": "arn:aws:",
    "beginnings of tokens": "sk-",
    "parts of JWTs": "eyJa.a.a.",
    "beginnings of keys": "-----BEGIN PRIVATE KEY",
    "ends of keys": "-----END PRIVATE KEY-----",
    "lines of keys": "A" * 64 + " ",
    "control sequences": "\x1b[0;",
}


@dataclass(frozen=True)
class Result:
    leaks: list[Secret]
    false_cuts: list[str]
    slowest: tuple[float, str]
    """Seconds of CPU, and for which text."""


def leaks(cases: list[Secret]) -> list[Secret]:
    """Those of which a part is shown."""
    return [
        case
        for case in cases
        if any(part in "\n".join(last_lines(case.lines)) for part in case.parts)
    ]


def false_cuts(lines: list[str]) -> list[str]:
    return [line for line in lines if redacted(line, len(line)) != line]


def slowest() -> tuple[float, str]:
    readers: dict[str, Callable[[str], object]] = {
        "redacted whole": lambda text: redacted(text, HOSTILE_LENGTH),
        "the last lines of a log": lambda text: last_lines([text] * 20),
        "a plain value": lambda text: secret_problem("X", text),
    }
    found = []
    for title, piece in HOSTILE.items():
        text = (piece * (HOSTILE_LENGTH // len(piece) + 1))[:HOSTILE_LENGTH]
        for reader, read in readers.items():
            began = time.process_time()
            read(text)
            found.append((time.process_time() - began, f"{title}, {reader}"))
    return max(found)


def targets(found: Result, cases: list[Secret], lines: list[str]) -> list[Target]:
    kinds = len({case.kind for case in cases})
    return [
        Target(f"leaks of {len(cases)} secrets of {kinds} kinds", len(found.leaks), ALLOWED),
        Target(f"false cuts of {len(lines)} harmless lines", len(found.false_cuts), ALLOWED),
        Target(
            f"seconds for {HOSTILE_LENGTH:,} hostile characters ({found.slowest[1]})",
            found.slowest[0],
            SECONDS,
        ),
    ]


def show(found: Result, cases: list[Secret], console: Console) -> None:
    made = table("\nSecrets in a log, by kind", "kind", "secrets", "leaks")
    leaked = Counter(case.kind for case in found.leaks)
    for kind, count in sorted(Counter(case.kind for case in cases).items()):
        made.add_row(kind, str(count), str(leaked[kind]))
    console.print(made)
    for case in found.leaks:
        console.print(f"leak: {case.kind}: {last_lines(case.lines)}", markup=False)
    for line in found.false_cuts:
        console.print(f"false cut: {line}", markup=False)


def main() -> int:
    """Exit code 0 only if every target is met."""

    def measured(console: Console, _stop: Stop) -> Measurement:
        cases, lines = secrets(), harmless()
        found = Result(leaks(cases), false_cuts(lines), slowest())
        show(found, cases, console)
        data = {
            "leaks": [case.kind for case in found.leaks],
            "falseCuts": found.false_cuts,
            "slowest": found.slowest,
        }
        return Measurement(targets(found, cases, lines), data)

    return run("secrets", measured)


if __name__ == "__main__":
    sys.exit(main())
