"""An environment on a terminal while it changes: its services, its edges, the time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from bivouac_cli.mesh.drawing import awaiting, draw
from bivouac_cli.mesh.graph import graph_of

Json = Mapping[str, Any]
LARGEST_PICTURE = 24
"""Rows."""
_ROWS_BELOW = 5
"""At most: what is awaited, the spinner, and lines around them."""


class LiveView:
    """A context manager; it leaves nothing on the screen."""

    def __init__(self, console: Console, name: str) -> None:
        self._name = name
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self._seen: Json | None = None
        self._live = Live(self, console=console, refresh_per_second=10, transient=True)

    def show(self, status: Json) -> None:
        self._seen = status

    def note(self, line: str) -> None:
        """A line above it that stays."""
        self._live.console.print(Text(line), soft_wrap=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._seen:
            yield from sight(self._seen, console.width, console.height)
        word = self._seen["status"] if self._seen else "under way"
        seconds = time.monotonic() - self._began
        self._spinner.update(text=Text(f"{self._name}: {word}, {seconds:.0f} s"))
        yield self._spinner


def sight(status: Json, columns: int, rows: int) -> list[Text]:
    """The picture, and what is still missing, in a terminal of this size."""
    graph = graph_of(status)
    room = min(LARGEST_PICTURE, max(3, rows - _ROWS_BELOW - 1))
    lines = draw(graph, columns - 1, room) if graph.nodes else []
    return [*lines, *awaiting(graph, columns - 1)][: rows - 2]
