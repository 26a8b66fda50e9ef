"""One thread, many things to wait for: descriptors, timers and ended children.

The sandbox has a single thread on purpose: a child that is to die with its parent dies with the
thread that made it.
"""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import signal
import time
from collections.abc import Callable

Callback = Callable[[], None]

_EVENTS = (selectors.EVENT_READ, selectors.EVENT_WRITE)


class Loop:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = itertools.count()
        self._running = True
        self._children: dict[int, Callable[[int], None]] = {}
        awake, wake = os.pipe()
        os.set_blocking(awake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._awake = awake
        self.watch(awake, read=self._reap)

    def watch(
        self, descriptor: int, *, read: Callback | None = None, write: Callback | None = None
    ) -> None:
        """Calls back while the descriptor can be read or written; with neither, forgets it."""
        events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        known = descriptor in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(descriptor)
        elif known:
            self._selector.modify(descriptor, events, (read, write))
        else:
            self._selector.register(descriptor, events, (read, write))

    def call_later(self, delay: float, callback: Callback) -> None:
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._order), callback))

    def when_ended(self, child: int, callback: Callable[[int], None]) -> None:
        """`callback` gets the child's exit code, 128 + signal for a killed one."""
        self._children[child] = callback

    def run(self) -> None:
        while self._running:
            for key, ready in self._selector.select(self._patience()):
                for event, callback in zip(_EVENTS, key.data, strict=True):
                    # An earlier callback of this round may have stopped watching, and the
                    # descriptor may be another pipe's by now.
                    if ready & event and self._selector.get_map().get(key.fd) is key:
                        callback()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def stop(self) -> None:
        self._running = False

    def _patience(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _reap(self) -> None:
        os.read(self._awake, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            # Orphans arrive here too: in a PID namespace this process becomes the parent of all
            # orphans.
            if pid in self._children:
                self._children.pop(pid)(code if code >= 0 else 128 - code)
