"""Image pulls with a different length in each round.

A poller notices a change the later, the longer until its next poll. With the same pull in all
rounds, the services would be ready at the same point between two polls every time, and a benchmark
would measure its own timing profile.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from pathlib import Path

from localcloud.clock import SystemClock, Timer
from localcloud.tasks.runtime import Task, TaskObserver, TaskRuntime

SPREAD = 15.0
"""Seconds: the longest pause between two polls of those compared, which is the AWS CLI's."""


def spread_evenly(rounds: int, seed: int) -> list[float]:
    """Seconds to add to the pull, for each round: uniform in [0, SPREAD), in random order.

    One in each of as many equal parts as there are rounds, so that a few rounds cover all of it."""
    draw = random.Random(seed)
    drawn = [(part + draw.random()) * SPREAD / rounds for part in range(rounds)]
    draw.shuffle(drawn)
    return drawn


class VaryingPull:
    """A TaskRuntime that passes tasks to another one, `extra_seconds` later."""

    def __init__(self, runtime: TaskRuntime) -> None:
        self.extra_seconds = 0.0
        self._runtime = runtime
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._pulling: dict[str, Timer] = {}

    def start(self, task: Task, observer: TaskObserver) -> None:
        def pulled() -> None:
            with self._lock:
                still_wanted = self._pulling.pop(task.task_id, None)
            if still_wanted:
                self._runtime.start(task, observer)

        with self._lock:
            self._pulling[task.task_id] = self._clock.call_later(self.extra_seconds, pulled)

    def stop(self, task_id: str) -> None:
        """A task that is still being pulled is dropped, and its end is not reported."""
        with self._lock:
            pulling = self._pulling.pop(task_id, None)
        if pulling is None:
            self._runtime.stop(task_id)
        else:
            pulling.cancel()

    def set_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        self._runtime.set_endpoint(endpoint, addresses)

    def socket_of(self, private_ip: str, port: int) -> Path | None:
        return self._runtime.socket_of(private_ip, port)

    def close(self) -> None:
        self._clock.close()
        self._runtime.close()
