"""One lock per service: moto's backends are not thread-safe."""

from __future__ import annotations

import threading
from collections import defaultdict


class ServiceLocks:
    """Held around a service's handlers; never across a Lambda call or a state machine's."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)

    def of(self, service: str) -> threading.RLock:
        """`service` is the name that requests are signed for: ecs, states, logs..."""
        return self._locks[service]

    def share(self, lock: threading.RLock, *services: str) -> None:
        """Services that touch each other's records directly have one lock."""
        for service in services:
            self._locks[service] = lock
