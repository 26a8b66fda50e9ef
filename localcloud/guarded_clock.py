"""The control plane's clock: its actions run with the control plane's lock held."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from localcloud.clock import Action, Clock, Timer


@dataclass(frozen=True)
class GuardedClock:
    """A `Clock` whose actions run with `lock` held, as requests do."""

    clock: Clock
    lock: threading.RLock
    _listeners: list[Action] = field(default_factory=list)

    def now(self) -> float:
        return self.clock.now()

    def call_later(self, delay: float, action: Action) -> Timer:
        made: list[Timer] = []

        def act() -> None:
            # It may have been cancelled while it waited for the lock.
            if not (made and made[0].cancelled):
                action()

        made.append(self.clock.call_later(delay, lambda: self.run(act)))
        return made[0]

    def run(self, action: Action) -> None:
        """Runs an action now, for callers on threads of their own."""
        with self.lock:
            action()
            for listener in self._listeners:
                listener()

    def listen(self, listener: Action) -> None:
        """Adds a listener that is called after each action, with the lock held: state may have
        changed."""
        self._listeners.append(listener)
