"""The warm workers of one function: as many as run at once, up to a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from localcloud.awslambda.worker import Worker


class Pool:
    """The workers of one function."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starting = 0
        self._changed = threading.Condition()
        self._closed = False
        self._retired = False

    @contextmanager
    def worker(self, start: Callable[[], Worker]) -> Iterator[Worker]:
        """A worker for one invocation. It is kept if the invocation ends well, and ended if it
        raises."""
        worker = self._take() or self._start(start)
        try:
            yield worker
        except BaseException:
            self._discard(worker)
            raise
        with self._changed:
            self._busy.discard(worker)
            kept = not self._retired
            if kept:
                self._idle.append(worker)
            self._changed.notify()
        if not kept:
            worker.kill()

    def _take(self) -> Worker | None:
        with self._changed:
            while True:
                if self._closed:
                    raise RuntimeError("the local cloud is closed: no function can be invoked")
                while self._idle:
                    worker = self._idle.pop()
                    if worker.alive:
                        self._busy.add(worker)
                        return worker
                    worker.kill()
                if len(self._busy) + self._starting < self._limit:
                    self._starting += 1
                    return None
                self._changed.wait()

    def _start(self, start: Callable[[], Worker]) -> Worker:
        try:
            worker = start()
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._starting -= 1
            self._busy.add(worker)
        return worker

    def _discard(self, worker: Worker) -> None:
        with self._changed:
            self._busy.discard(worker)
            self._changed.notify()
        worker.kill()

    def processes(self) -> list[int]:
        with self._changed:
            return [worker.process_id for worker in (*self._idle, *self._busy)]

    def retire(self) -> None:
        """Keeps no more workers: each ends as soon as it is idle."""
        with self._changed:
            self._retired = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            self._changed.notify_all()
        for worker in idle:
            worker.kill()
        for worker in busy:
            worker.interrupt()
