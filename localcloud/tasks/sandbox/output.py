"""Reads what a process prints, line by line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from .loop import Loop

_CHUNK = 65536
_LONGEST_LINE = 16 * 1024
"""Container runtimes cut longer lines into pieces of this many bytes."""

OnLine = Callable[[int, str], None]


class LineReader:
    """Reads a pipe; `on_line` gets the time in milliseconds and each line without its end."""

    def __init__(self, loop: Loop, descriptor: int, on_line: OnLine) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._on_line = on_line
        self._rest = b""
        self._open = True
        os.set_blocking(descriptor, False)
        loop.watch(descriptor, read=self._readable)

    def drain(self) -> None:
        """Reads what is left in the pipe and closes it: the process has ended."""
        while self._open and self._read():
            pass
        self._close()

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        """Whether there was something to read."""
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close()
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) >= _LONGEST_LINE:
            lines.append(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
        self._tell(lines)
        return True

    def _tell(self, lines: list[bytes]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for line in lines:
            self._on_line(now_ms, line.decode("utf-8", "replace").rstrip("\r"))

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.watch(self._descriptor)
        os.close(self._descriptor)
        if self._rest:
            self._tell([self._rest])
