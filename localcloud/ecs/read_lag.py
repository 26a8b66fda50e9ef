"""Reads that are behind: ECS is eventually consistent, so an answer may be older than an event.

"Task" in the API reference: compare the version that the API shows with the version of an event.
A test says how far behind the reads are; what they answer is then the state of that long ago.
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
    """Keeps the states that are still to be read while it lags, and nothing while it does not."""

    def __init__(self, clock: GuardedClock, clusters: Clusters) -> None:
        self._clock = clock
        self._clusters = clusters
        self._seconds = 0.0
        self._states: deque[tuple[float, State]] = deque()
        """What was so from when on, oldest first."""
        clock.listen(self._remember)

    @property
    def seconds(self) -> float:
        return self._seconds

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        """Reads never go back before the moment in which they began to lag."""
        with self._clock.lock:
            self._seconds = seconds
            self._states.clear()
            if seconds:
                self._states.append((-math.inf, self._state()))

    def over(self, name: str, operation: Operation) -> Operation:
        """The operation as it is answered: a read of the past, or a change that is remembered."""

        def read(request: dict[str, Any]) -> dict[str, Any]:
            if not self._seconds:
                return operation(request)
            with self._clusters.seen_as(self._then()):
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

    def _then(self) -> State:
        """A cluster that is newer than the state is known, with nothing in it yet."""
        moment = self._clock.now() - self._seconds
        state = [state for since, state in self._states if since <= moment][-1]
        return {
            name: state.get(name) or replace(cluster, services={}, tasks={})
            for name, cluster in self._clusters.by_name.items()
        }
