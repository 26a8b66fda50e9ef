"""What people and pipelines see: answers on the standard output, everything else on the other.

A terminal shows a picture of the mesh, live during a wait; in a pipe or a dumb terminal there are
only plain lines. rich, which draws it, is imported only for a picture.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from bivouac_cli import markdown, text
from bivouac_cli.doctor.finding import Finding, finding_lines
from bivouac_cli.logs import Line
from bivouac_cli.progress import changes

if TYPE_CHECKING:
    from rich.console import Console

    from bivouac_cli.mesh.live import LiveView

Json = Mapping[str, Any]


class Screen:
    def __init__(self, output: str) -> None:
        """`output`: table, json or markdown."""
        self._output = output
        self._live: LiveView | None = None

    # --- answers ---------------------------------------------------------------------------------

    def status(self, status: Json) -> None:
        if self._output == "table" and _draws(sys.stdout):
            self._picture(status)
        self._answer(status, text.status_lines, markdown.status_markdown)

    def proof(self, checks: Sequence[Json]) -> None:
        """In JSON and Markdown, the status alone says what is proven."""
        if self._output == "table":
            self._print(text.proof_lines(checks))

    def receipt(self, receipt: Json) -> None:
        self._answer(receipt, text.receipt_lines, markdown.receipt_markdown)

    def plan(self, plan: Json) -> None:
        self._answer(plan, text.plan_lines, markdown.plan_markdown)

    def comment(self, status: Json) -> None:
        """Markdown, whatever the output option says."""
        self._print(markdown.status_markdown(status))

    def failure(self, error: str, cause: str, status: Json | None = None) -> None:
        """`status`: of the environment that failed; what was proven of it stands beneath."""
        if self._output == "json":
            self.value({"error": error, "cause": cause})
        elif self._output == "markdown":
            self._print(markdown.failure_markdown(error, cause))
        else:
            self._print([error, *cause.splitlines()])
            if status is not None:
                self._mesh(status)

    def line(self, line: Line) -> None:
        """A log line; in JSON, one object for each."""
        as_json = self._output == "json"
        self._print([json.dumps(line.to_json()) if as_json else line.shown()])

    def findings(self, findings: Sequence[Finding]) -> None:
        """Of the doctor."""
        if self._output == "json":
            self.value([each.to_json() for each in findings])
        elif self._output == "markdown":
            self._print(markdown.findings_markdown(findings))
        else:
            self._print(finding_lines(findings))

    def value(self, value: Any) -> None:
        """JSON, whatever the output option says."""
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
        if self._live:
            self._live.note(_printable(line))
        else:
            print(_printable(line), file=sys.stderr, flush=True)

    def progress(self, before: Json | None, now: Json) -> None:
        """`before`: the last one shown; None for the first poll."""
        if self._live:
            self._live.show(now)
        else:
            for line in changes(before, now):
                self.note(f"  {line}")

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """During a wait."""
        if not _draws(sys.stderr):
            yield
            return
        from bivouac_cli.mesh.live import LiveView

        try:
            with LiveView(_console(sys.stderr), _printable(name)) as self._live:
                yield
        finally:
            self._live = None

    def _mesh(self, status: Json) -> None:
        self._print([""])
        if _draws(sys.stdout):
            self._picture(status)
        self._print(text.mesh_lines(status))

    def _picture(self, status: Json) -> None:
        """Nothing if it does not fit: the lines below say the same."""
        from bivouac_cli.mesh.drawing import picture
        from bivouac_cli.mesh.graph import graph_of

        console = _console(sys.stdout)
        lines = picture(graph_of(status), console.width - 1, rows=sys.maxsize)
        for line in [*lines, ""] if lines else ():
            console.print(line)


def _draws(stream: TextIO) -> bool:
    """Whether it can show more than plain lines."""
    dumb = os.environ.get("TERM") in (None, "dumb", "unknown")
    return stream.isatty() and not dumb and (stream.encoding or "").lower().startswith("utf")


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _printable(line: str) -> str:
    """Without characters that would control the terminal."""
    return "".join(
        each for each in line if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf")
    )
