"""What people and pipelines see: answers on the standard output, everything else on the other.

Where somebody watches, a spinner turns; in a pipe, a dumb terminal or with NO_COLOR there are plain
lines only.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bivouac_cli import markdown, text

Json = Mapping[str, Any]
PIPED_WIDTH = 1000
"""Columns of a table that nobody sees on a terminal: nothing is folded."""


class Screen:
    def __init__(self, output: str) -> None:
        """`output`: table, json or markdown."""
        self._output = output
        self._answers = _console(sys.stdout.isatty())
        self._notes = Console(stderr=True, highlight=False, markup=False, emoji=False)

    # --- answers ---------------------------------------------------------------------------------

    def status(self, status: Json) -> None:
        self._answer(status, text.status_lines, markdown.status_markdown)

    def receipt(self, receipt: Json) -> None:
        self._answer(receipt, text.receipt_lines, markdown.receipt_markdown)

    def comment(self, status: Json) -> None:
        """Markdown, whatever else is asked for."""
        self._print(markdown.status_markdown(status))

    def failure(self, error: str, cause: str) -> None:
        if self._output == "json":
            self.value({"error": error, "cause": cause})
        elif self._output == "markdown":
            self._print(markdown.failure_markdown(error, cause))
        else:
            self._print([error, *cause.splitlines()])

    def value(self, value: Any) -> None:
        """As JSON, whatever else is asked for."""
        self._print([json.dumps(value, indent=2, ensure_ascii=False)])

    def environments(self, pages: Sequence[Json]) -> None:
        found = [each for page in pages for each in page["environments"]]
        if self._output == "json":
            self.value({"environments": found, "observedAt": pages[0]["observedAt"]})
        elif self._output == "markdown":
            self._print(markdown.list_markdown(found))
        elif found:
            self._answers.print(_table(found))
        else:
            self.note("There are no such environments.")

    def _answer(self, content: Json, lines: Any, markdown_lines: Any) -> None:
        if self._output == "json":
            self.value(content)
        else:
            self._print(lines(content) if self._output == "table" else markdown_lines(content))

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._answers.print(Text(_printable(line)), soft_wrap=True)

    # --- beside them -----------------------------------------------------------------------------

    def note(self, line: str) -> None:
        self._notes.print(Text(_printable(line)), soft_wrap=True)

    def progress(self, line: str) -> None:
        self.note(f"  {line}")

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """While something is waited for."""
        if self._notes.is_terminal and not self._notes.is_dumb_terminal:
            with self._notes.status(Text(name)):
                yield
        else:
            yield


def _console(is_terminal: bool) -> Console:
    width = None if is_terminal else PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _table(environments: Sequence[Json]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in text.LIST_COLUMNS:
        table.add_column(column, overflow="fold")
    for row in text.list_rows(environments):
        table.add_row(*(Text(_printable(cell)) for cell in row))
    return table


def _printable(line: str) -> str:
    """Without what would drive the terminal."""
    return "".join(
        each for each in line if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf")
    )
