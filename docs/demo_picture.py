"""Runs the demo and keeps what a terminal shows as a picture (`make pictures`).

python -m docs.demo_picture whole|mesh REQUEST PICTURE TITLE
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from rich.text import Text

from demo.__main__ import main

COLUMNS, ROWS = 104, 40
_ON_A_TERMINAL = {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
_HEALTHY, _ANSWERS = ("HEALTHY",), ("ANSWERED", "PROVEN")


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def whole(request: str, console: Console) -> int:
    """What stays on the screen."""
    screen = Terminal()
    with redirect_stdout(screen), redirect_stderr(io.StringIO()):
        outcome = main([request])
    for line in screen.getvalue().splitlines():
        style = "bold" if line.startswith("$ ") else ""
        console.print(Text.from_ansi(line, style=style))
    return outcome


def mesh(request: str, console: Console) -> int:
    """The picture of the mesh at the moments that tell how it grew."""
    from bivouac_cli.mesh.live import LiveView, sight
    from bivouac_cli.screen import Screen

    seen: list[tuple[float, Any]] = []
    began = time.monotonic()

    def note(_: object, status: Any) -> None:
        if status["status"] in ("CREATING", "READY"):
            seen.append((time.monotonic() - began, status))

    with (
        redirect_stdout(Terminal()),
        redirect_stderr(Terminal()),
        mock.patch.object(LiveView, "show", note),
        mock.patch.object(Screen, "status", note),
    ):
        outcome = main([request])
    first = seen[0][0]
    for moment, status in _telling(seen):
        console.print(Text(f"{moment - first:4.1f} s  {status['status']}", "dim"))
        for line in sight(status, COLUMNS, ROWS):
            console.print(line)
        console.print()
    return outcome


def _telling(seen: list[tuple[float, Any]]) -> list[tuple[float, Any]]:
    """When the first service started, when it was healthy, near the end, and at the end."""
    started = [each for each in seen if any(s["deployment"] for s in each[1]["services"])]
    there = [each for each in seen if _reached(each[1])]
    before = [each for each in there if _reached(each[1]) < _reached(there[-1][1])]
    told = [*started[:1], *there[:1], *before[-1:], *there[-1:]]
    return [each for number, each in enumerate(told) if each not in told[:number]]


def _reached(status: Any) -> int:
    """How many services are healthy and how many edges have answered."""
    healthy = sum(each["state"] in _HEALTHY for each in status["services"])
    return healthy + sum(each["state"] in _ANSWERS for each in status["edges"])


if __name__ == "__main__":
    kind, request, picture, title = sys.argv[1:]
    os.environ |= _ON_A_TERMINAL
    console = Console(
        record=True, width=COLUMNS, force_terminal=True, file=io.StringIO(), highlight=False
    )
    outcome = {"whole": whole, "mesh": mesh}[kind](request, console)
    svg = console.export_svg(title=title, unique_id=Path(picture).stem)
    # The picture must not fetch a font from anywhere: the viewer's own will do.
    Path(picture).write_text(re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL))
    sys.exit(outcome)
