"""What people see of an execution: live in a terminal, plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from demo.mesh_view.drawing import awaiting, draw
from demo.mesh_view.graph import Graph, changes
from localcloud.following import Ending, StateVisits, Timeline

_GAP = 2
"""Spaces between the columns of states."""
FEWEST_STATES = 5
"""Rows that a live sight always has for states."""
LARGEST_PICTURE = 24
"""Rows."""

_OUTCOME_STYLE = {
    "OK": "green",
    "DELETED": "green",
    "ALREADY_GONE": "green",
    "DELETING": "cyan",
    "SKIP": "yellow",
    "RETAINED": "yellow",
    "NG": "bold red",
    "FAILED": "bold red",
}


class Screen:
    """Writes the demo's story. Everything a terminal shows is also there without one."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = max(self.console.width, 160)

    def title(self, text: str) -> None:
        if self.console.is_terminal:
            self.console.print(Rule(Text(text, style="bold"), align="left", characters="─"))
        else:
            self.console.print(f"== {text}")

    def line(self, text: str, style: str = "") -> None:
        # Only a terminal cuts lines; what is written to a file keeps them.
        self.console.print(Text(text, style=style), soft_wrap=not self.console.is_terminal)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        if self.console.is_terminal:
            with self.console.status(text):
                yield
        else:
            self.console.print(text)
            yield

    @contextmanager
    def execution(self) -> Iterator[ExecutionView]:
        """Shows one execution; tell what it yields how far it is, again and again."""
        if self.console.is_terminal:
            with Live(console=self.console, refresh_per_second=12, transient=False) as live:
                view = _LiveView(live)
                yield view
                view.end()
        else:
            yield _PlainView(self.console)

    def checks(self, proof: list[dict[str, str]]) -> None:
        """Each check with OK, NG or SKIP and the observed value."""
        rows = [
            (entry["outcome"], entry["service"], entry["name"], entry["observed"])
            for entry in proof
        ]
        self._table(("", "service", "check", "observed"), rows)

    def edges(self, edges: list[dict[str, str]]) -> None:
        """Each edge with what was seen from inside the mesh."""
        if edges:
            if self.console.is_terminal:
                self.console.print()
            rows = [(entry["state"], entry["edge"], entry["observed"]) for entry in edges]
            self._table(("", "edge", "observed from inside the mesh"), rows)

    def receipt(self, receipt: dict[str, Any]) -> None:
        rows = [
            (item["outcome"], item["kind"], item["name"], item.get("reason", ""))
            for item in receipt["items"]
        ]
        self._table(("", "kind", "name", "reason"), rows)

    def failure(self, ending: Ending) -> None:
        text = f"{ending.error or ending.status}\n{ending.cause}"
        if self.console.is_terminal:
            self.console.print(Panel(Text(text), border_style="red", title="failed", expand=False))
        else:
            self.console.print(Text(text), soft_wrap=True)

    def _table(self, titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        if not self.console.is_terminal:
            widths = [max(len(row[column]) for row in rows) for column in range(len(titles) - 1)]
            for row in rows:
                cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
                self.line("  " + "  ".join([*cells, row[-1]]).rstrip())
            return
        table = Table(*titles, box=SIMPLE, show_edge=False, pad_edge=False, header_style="dim")
        for row in rows:
            table.add_row(Text(row[0], style=_OUTCOME_STYLE.get(row[0], "")), *row[1:])
        self.console.print(table)


class ExecutionView:
    def __call__(self, timeline: Timeline, graph: Graph | None) -> None:
        """Show how far the execution is, and the services that it makes, where it makes any."""
        raise NotImplementedError


class _PlainView(ExecutionView):
    """A line for each state when it is entered, for what it said, and for what has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = 0
        self._graph: Graph | None = None

    def __call__(self, timeline: Timeline, graph: Graph | None) -> None:
        if graph is not None:
            for line in changes(self._graph, graph):
                self._line(f"  {line}")
            self._graph = graph
        for line in timeline.story[self._shown :]:
            self._line(line)
        self._shown = len(timeline.story)

    def _line(self, text: str) -> None:
        self._console.print(Text(f"  {text}"), soft_wrap=True)


class _LiveView(ExecutionView):
    """One row for each state, those that run now turn; below them the services and their edges."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._spinners: dict[str, Spinner] = {}
        self._last: tuple[Timeline, Graph | None] | None = None

    def __call__(self, timeline: Timeline, graph: Graph | None) -> None:
        self._last = timeline, graph
        size = self._live.console.size
        self._live.update(Sight(timeline, graph, self._spinners, size.width, size.height - 1))

    def end(self) -> None:
        """Leave everything on the screen, however many rows it takes."""
        if self._last:
            width = self._live.console.size.width
            self._live.update(Sight(*self._last, self._spinners, width, None), refresh=True)


@dataclass(frozen=True)
class Sight:
    """An execution at one moment, in at most `rows` rows; None: as many as it takes."""

    timeline: Timeline
    graph: Graph | None
    spinners: dict[str, Spinner]
    """They turn on from one sight to the next."""
    columns: int
    rows: int | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        picture = self._picture()
        room = None if self.rows is None else max(FEWEST_STATES, self.rows - len(picture))
        yield states_table(self.timeline, self.spinners, self.columns, room)
        yield from picture

    def _picture(self) -> list[Text]:
        if self.graph is None:
            return []
        most = LARGEST_PICTURE if self.rows is None else self.rows - FEWEST_STATES - 4
        lines = draw(self.graph, self.columns - 1, min(LARGEST_PICTURE, max(3, most)))
        return [Text(), *lines, *awaiting(self.graph, self.columns - 1), Text()]


def states_table(
    timeline: Timeline, spinners: dict[str, Spinner], columns: int, rows: int | None = None
) -> Table:
    """One row for each state that was entered; where there are more than `rows`, the first ones
    that are over share one. What states said is cut to what `columns` leave."""
    table = Table.grid(padding=(0, _GAP))
    for _ in range(4):
        table.add_column(no_wrap=True)
    marks: list[RenderableType] = []
    found: list[tuple[Text, Text, Text]] = []
    states = list(timeline.states.values())
    if rows is not None and len(states) > rows:
        over = [visits for visits in states if not visits.running][: len(states) - rows + 1]
        ended = max(visits.first_entered + visits.seconds for visits in over)
        told = Text(f"{len(over)} states before", style="dim")
        marks.append(Text("✓", style="green"))
        found.append((told, Text(f"{ended:5.1f} s", style="dim"), Text()))
        states = [visits for visits in states if visits not in over]
    marks += [_mark(visits, spinners) for visits in states]
    found += [_row(visits) for visits in states]
    taken = 1 + sum(max((row[n].cell_len for row in found), default=0) for n in (0, 1)) + 3 * _GAP
    for mark, (name, seconds, said) in zip(marks, found, strict=True):
        said.truncate(max(0, columns - taken), overflow="ellipsis")
        table.add_row(mark, name, seconds, said)
    return table


def _mark(visits: StateVisits, spinners: dict[str, Spinner]) -> RenderableType:
    if visits.running:
        return spinners.setdefault(visits.name, Spinner("dots", style="cyan"))
    if visits.failed:
        return Text("✗", style="bold red")
    return Text("?" if visits.kind == "Choice" else "✓", style="green")


def _row(visits: StateVisits) -> tuple[Text, Text, Text]:
    quiet = "dim" if visits.kind in ("Choice", "Wait") else ""
    times = f"x{visits.visits}" if visits.visits > 1 else ""
    seconds = f"{visits.seconds:5.1f} s {times}" if visits.seconds >= 0.05 else f"        {times}"
    return Text(visits.name, style=quiet), Text(seconds, style="dim"), Text(visits.line, "dim")
