"""Cloud Map's asynchronous operations: accepted, then SUBMITTED, PENDING, and SUCCESS or FAIL."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from localcloud.account import random_id
from localcloud.cloudmap import errors
from localcloud.cloudmap.model import Operation, OperationType
from localcloud.guarded_clock import GuardedClock


class AsynchronousOperations:
    """Called with the control plane's lock held."""

    def __init__(self, clock: GuardedClock) -> None:
        self._clock = clock
        self._by_id: dict[str, Operation] = {}
        self._failures: dict[OperationType, deque[tuple[str, str]]] = defaultdict(deque)

    def fail_next(self, kind: OperationType, code: str, message: str) -> None:
        """Makes the next operation of this type FAIL with this error code."""
        self._failures[kind].append((code, message or code))

    def operation(self, operation_id: str) -> Operation:
        if operation_id not in self._by_id:
            raise errors.operation_not_found(operation_id)  # N05
        return self._by_id[operation_id]

    def begin(self, kind: OperationType, targets: dict[str, str]) -> Operation:
        now = self._clock.now()
        operation = Operation(f"{random_id(32)}-{random_id(8)}", kind, targets, now, now)
        self._by_id[operation.id] = operation
        return operation

    def run(self, operation: Operation, seconds: float, finished: Callable[[], None]) -> None:
        """PENDING half-way; `finished` is called when the operation has succeeded or failed."""

        def pending() -> None:
            operation.status, operation.updated = "PENDING", self._clock.now()

        def end() -> None:
            failures = self._failures[operation.type]
            if failures:
                operation.error_code, operation.error_message = failures.popleft()
                operation.status = "FAIL"
            else:
                operation.status = "SUCCESS"
            operation.updated = self._clock.now()
            finished()

        self._clock.call_later(seconds / 2, pending)
        self._clock.call_later(seconds, end)
