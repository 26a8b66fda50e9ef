"""What people see of an execution: live in a terminal, plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from localcloud.following import Ending, StateVisits, Timeline

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
        self.console.print(Text(text, style=style), soft_wrap=True)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        if self.console.is_terminal:
            with self.console.status(text):
                yield
        else:
            self.console.print(text)
            yield

    @contextmanager
    def execution(self) -> Iterator[_ExecutionView]:
        """Shows the states of one execution; give each Timeline to what it yields."""
        if self.console.is_terminal:
            with Live(console=self.console, refresh_per_second=12, transient=False) as live:
                yield _LiveView(live)
        else:
            yield _PlainView(self.console)

    def checks(self, proof: list[dict[str, str]]) -> None:
        """Each check with OK, NG or SKIP and the observed value."""
        rows = [
            (entry["outcome"], entry["service"], entry["name"], entry["observed"])
            for entry in proof
        ]
        self._table(("", "service", "check", "observed"), rows)

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


class _ExecutionView:
    def __call__(self, timeline: Timeline) -> None:
        raise NotImplementedError


class _PlainView(_ExecutionView):
    """A line for each state when it is entered, and one for what it said."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = 0

    def __call__(self, timeline: Timeline) -> None:
        for line in timeline.story[self._shown :]:
            self._console.print(Text(f"  {line}"), soft_wrap=True)
        self._shown = len(timeline.story)


class _LiveView(_ExecutionView):
    """One row for each state; those that run now turn."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._spinners: dict[str, Spinner] = {}

    def __call__(self, timeline: Timeline) -> None:
        self._live.update(states_table(timeline, self._spinners))


def states_table(timeline: Timeline, spinners: dict[str, Spinner]) -> Table:
    """One row for each state that was entered; `spinners` turn on from one table to the next."""
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for visits in timeline.states.values():
        table.add_row(_mark(visits, spinners), *_row(visits))
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
    return Text(visits.name, style=quiet), Text(seconds, style="dim"), Text(visits.said, "dim")
