"""What every measurement shares: console, signals, targets, JSON, exit code."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from bench.figures import Target
from bench.report import show_target
from bench.waiting import BenchError, Stop, StoppedError

PROJECT = Path(__file__).parents[1]
RESULTS = PROJECT / ".local" / "bench"
INTERRUPTED = 130
PLAIN_WIDTH = 140
"""Characters in a line if there is no terminal."""


@dataclass(frozen=True)
class Measurement:
    """The results of a run, shown already."""

    targets: Sequence[Target]
    content: dict[str, Any]
    """Everything, for the JSON."""


def run(name: str, measure: Callable[[Console, Stop], Measurement]) -> int:
    """The exit code: 0 only if every target is met; 130 if it was interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    console, stop = Console(), Stop()
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    try:
        measurement = measure(console, stop)
    except BenchError as error:
        console.print(f"[red]{error}", highlight=False)
        return 1
    except (KeyboardInterrupt, StoppedError):
        stop.request()
        console.print("Interrupted. Nothing is left running.")
        return INTERRUPTED
    for target in measurement.targets:
        console.print(show_target(target))
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    targets = [{**asdict(target), "met": target.met} for target in measurement.targets]
    content = {"targets": targets, **measurement.content}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    console.print(f"Everything is in {path.relative_to(PROJECT)}")
    return int(not all(target.met for target in measurement.targets))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
