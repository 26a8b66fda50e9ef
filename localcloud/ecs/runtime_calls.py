"""Calls into the task runtime, made from the clock, in order, without the control plane's lock.

A runtime has its own locks and calls back from its own threads: a call made with our lock held
could deadlock with a thread of the runtime that waits for us.
"""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.clock import Clock
from localcloud.tasks.runtime import Task, TaskObserver, TaskRuntime


class RuntimeCalls:
    def __init__(self, clock: Clock, runtime: TaskRuntime) -> None:
        self._clock = clock
        self._runtime = runtime

    def start(self, task: Task, observer: TaskObserver) -> None:
        self._clock.call_later(0, lambda: self._runtime.start(task, observer))

    def stop(self, task_id: str) -> None:
        self._clock.call_later(0, lambda: self._runtime.stop(task_id))

    def set_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        self._clock.call_later(0, lambda: self._runtime.set_endpoint(endpoint, addresses))
