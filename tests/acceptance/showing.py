"""What a person sees during a run: one line a step, live in a terminal, plain elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Screen:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._began = 0.0
        self._step = ""

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Shows one step while it runs, and how it ended."""
        self._step, self._began = text, time.monotonic()
        if self._live:
            self.now("")
        try:
            yield
        except BaseException:
            self._end("FAILED")
            raise
        self._end("ok")

    def now(self, doing: str) -> None:
        """What the step is doing now; shown only in a terminal."""
        if self._live:
            text = f"  ...   {self._seconds():>5.0f} s  {self._step}{': ' if doing else ''}{doing}"
            self._out.write(f"\r\x1b[K{text[:110]}")
            self._out.flush()

    def _end(self, outcome: str) -> None:
        if self._live:
            self._out.write("\r\x1b[K")
        self.line(f"  {outcome:<6}{self._seconds():>5.0f} s  {self._step}")

    def _seconds(self) -> float:
        return time.monotonic() - self._began
