"""Runs every measurement, one after the other, or the named ones: `python -m bench lag cycle`."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from types import FrameType

from bench.running import INTERRUPTED

MEASUREMENTS = (
    "requests",
    "false_verdicts",
    "time_to_verdict",
    "false_ready",
    "secrets",
    "economy",
    "lag",
    "cycle",
    "time_to_proven",
    "intents",
    "office_hours",
    "expiry",
    "fleet",
    "chaos",
    "largest",
    "sweep",
    "command_line",
    "cold_start",
)


def main() -> int:
    """Exit code 0 only if every target of every measurement is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name")
    names = parser.parse_args().names or MEASUREMENTS
    if unknown := set(names) - set(MEASUREMENTS):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(MEASUREMENTS)}")
    signal.signal(signal.SIGTERM, _interrupt)
    worst = 0
    for name in names:
        print(f"\n=== {name}", flush=True)
        code = _measured(name)
        if code == INTERRUPTED:
            return code
        worst = max(worst, code)
    return worst


def _measured(name: str) -> int:
    """Each in its own process: a process has one local cloud, and nothing of the previous one is
    left."""
    with subprocess.Popen([sys.executable, "-m", f"bench.{name}"]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            return INTERRUPTED


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
