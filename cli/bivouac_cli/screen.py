"""What people and pipelines see: answers on the standard output, everything else on the other.

Where somebody watches, a spinner turns; in a pipe or a dumb terminal there are plain lines only.
rich, which draws it, is imported where something is waited for.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bivouac_cli import markdown, text
from bivouac_cli.logs import Line

if TYPE_CHECKING:
    from rich.console import Console

Json = Mapping[str, Any]


class Screen:
    def __init__(self, output: str) -> None:
        """`output`: table, json or markdown."""
        self._output = output
        self._spinning: Console | None = None

    # --- answers ---------------------------------------------------------------------------------

    def status(self, status: Json) -> None:
        self._answer(status, text.status_lines, markdown.status_markdown)

    def receipt(self, receipt: Json) -> None:
        self._answer(receipt, text.receipt_lines, markdown.receipt_markdown)

    def plan(self, plan: Json) -> None:
        self._answer(plan, text.plan_lines, markdown.plan_markdown)

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

    def line(self, line: Line) -> None:
        """Of a log; as JSON, one object in each line."""
        as_json = self._output == "json"
        self._print([json.dumps(line.to_json()) if as_json else line.shown()])

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
            self._print(text.list_lines(found))
        else:
            self.note("There are no such environments.")

    def _answer(self, content: Json, lines: Any, markdown_lines: Any) -> None:
        if self._output == "json":
            self.value(content)
        else:
            self._print(lines(content) if self._output == "table" else markdown_lines(content))

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            print(_printable(line), flush=True)

    # --- beside them -----------------------------------------------------------------------------

    def note(self, line: str) -> None:
        if self._spinning:
            self._spinning.print(_printable(line), soft_wrap=True)
        else:
            print(_printable(line), file=sys.stderr, flush=True)

    def progress(self, line: str) -> None:
        self.note(f"  {line}")

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """While something is waited for."""
        if not sys.stderr.isatty() or os.environ.get("TERM") in (None, "dumb", "unknown"):
            yield
            return
        from rich.console import Console

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._spinning = console
        try:
            with console.status(_printable(name)):
                yield
        finally:
            self._spinning = None


def _printable(line: str) -> str:
    """Without what would drive the terminal."""
    return "".join(
        each for each in line if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf")
    )
