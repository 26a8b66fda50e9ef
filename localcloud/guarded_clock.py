"""The clock as the control plane uses it: what it runs later holds the control plane's lock."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from localcloud.clock import Action, Clock, Timer


@dataclass(frozen=True)
class GuardedClock:
    """A `Clock` whose actions run with `lock` held, as requests do."""

    clock: Clock
    lock: threading.RLock

    def now(self) -> float:
        return self.clock.now()

    def call_later(self, delay: float, action: Action) -> Timer:
        return self.clock.call_later(delay, lambda: self.run(action))

    def run(self, action: Action) -> None:
        """Now, for callers from threads of their own."""
        with self.lock:
            action()
