"""Delayed reads: ECS is eventually consistent, so an answer may be older than an event.

"Task" in the API reference: compare the version that the API shows with the version of an event. A
test sets the delay; reads then return the state of that long ago.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from localcloud.ecs.clusters import Clusters
from localcloud.ecs.model import Cluster
from localcloud.guarded_clock import GuardedClock

LAGGING = ("DescribeServices", "DescribeTasks", "ListServices", "ListTasks")

Operation = Callable[[dict[str, Any]], dict[str, Any]]
State = dict[str, Cluster]


class ReadLag:
    """Keeps past states while reads lag, and nothing otherwise."""

    def __init__(self, clock: GuardedClock, clusters: Clusters) -> None:
        self._clock = clock
        self._clusters = clusters
        self._seconds = 0.0
        self._states: deque[tuple[float, State]] = deque()
        """States and the times from which they held, oldest first."""
        clock.listen(self._remember)

    @property
    def seconds(self) -> float:
        return self._seconds

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        """Reads never go back to before the lag began."""
        with self._clock.lock:
            self._seconds = seconds
            self._states.clear()
            if seconds:
                self._states.append((-math.inf, self._state()))

    def wrapped(self, name: str, operation: Operation) -> Operation:
        """Wraps an operation: a read returns a past state, a change records one."""

        def read(request: dict[str, Any]) -> dict[str, Any]:
            if not self._seconds:
                return operation(request)
            with self._clusters.seen_as(self._past_state()):
                return operation(request)

        def change(request: dict[str, Any]) -> dict[str, Any]:
            try:
                return operation(request)
            finally:
                self._remember()

        return read if name in LAGGING else change

    def _remember(self) -> None:
        if not self._seconds:
            return
        now = self._clock.now()
        while self._states and self._states[-1][0] == now:
            self._states.pop()
        self._states.append((now, self._state()))
        while len(self._states) > 1 and self._states[1][0] <= now - self._seconds:
            self._states.popleft()

    def _state(self) -> State:
        return copy.deepcopy(self._clusters.by_name)

    def _past_state(self) -> State:
        """A cluster that is newer than that state exists in it, empty."""
        moment = self._clock.now() - self._seconds
        state = [state for since, state in self._states if since <= moment][-1]
        return {
            name: state.get(name) or replace(cluster, services={}, tasks={})
            for name, cluster in self._clusters.by_name.items()
        }
