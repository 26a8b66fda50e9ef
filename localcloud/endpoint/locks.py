"""One lock per service, because moto's backends are not thread-safe."""

from __future__ import annotations

import threading
from collections import defaultdict


class ServiceLocks:
    """Held while a service's handlers run; never during a Lambda invocation or a state machine's
    call."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)

    def of(self, service: str) -> threading.RLock:
        """`service` is the name that requests are signed for: ecs, states, logs..."""
        return self._locks[service]

    def share(self, lock: threading.RLock, *services: str) -> None:
        """Gives services that access each other's records directly one lock."""
        for service in services:
            self._locks[service] = lock
