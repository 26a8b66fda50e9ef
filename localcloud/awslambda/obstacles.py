"""Lambda's own reasons to refuse an invocation, set by a test, in AWS's words.

The codes and their statuses are those of Lambda's model of Invoke (botocore). Only synchronous
invocations meet them: Lambda queues an asynchronous one and retries it itself.
"""

from __future__ import annotations

import threading
from collections import deque

from localcloud.awslambda.function import Function


class InvocationRefusedError(Exception):
    """Lambda does not run the function now. The message is AWS's."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


_RATE_EXCEEDED = ("TooManyRequestsException", 429, "Rate Exceeded.")
"""The text is from failed executions (aws-samples/aws-secure-environment-accelerator#1062,
2022)."""
_INACTIVE = (
    "ResourceNotReadyException",
    502,
    "The function is inactive and its VPC connection is no longer available. Wait for the VPC "
    "connection to reestablish and try again.",
)
"""The text is the model's: no recorded answer was found."""
_PENDING = (
    "ResourceConflictException",
    409,
    "The operation cannot be performed at this time. The function is currently in the following "
    "state: Pending",
)
"""While it gets its network interfaces (go-to-k/cdkd#121, 2026-05)."""
_INITIALISING = (
    "CodeArtifactUserPendingException",
    409,
    "Lambda is initializing your function. It will be ready to invoke shortly.",
)
"""Of a function that was idle for long (aws-cdk#20123, 2022-04)."""


class Obstacles:
    """Set and met from any thread. A function's name stands for its versions too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: dict[str, deque[tuple[str, int, str]]] = {}

    def leave_idle(self, function: Function, refusals: int = 7) -> None:
        """Makes a function idle for weeks: the next invocations fail, and the first of them wakes
        it.

        A function in a VPC is Inactive, then Pending until it has its network interfaces, about a
        minute (Lambda's guide, "Lambda function states")."""
        in_a_vpc = function.vpc is not None
        states = [_INACTIVE, *[_PENDING] * (refusals - 1)] if in_a_vpc else [_INITIALISING]
        self._put(function, states)

    def throttle(self, function: Function, refusals: int) -> None:
        """This many of the next invocations exceed the account's concurrency."""
        self._put(function, [_RATE_EXCEEDED] * refusals)

    def clear(self) -> None:
        """Removes every obstacle."""
        with self._lock:
            self._refusals.clear()

    def meet(self, function: Function) -> None:
        """Raises InvocationRefusedError."""
        with self._lock:
            refusals = self._refusals.get(function.name)
            refusal = refusals.popleft() if refusals else None
        if refusal is not None:
            raise InvocationRefusedError(*refusal)

    def _put(self, function: Function, refusals: list[tuple[str, int, str]]) -> None:
        with self._lock:
            self._refusals[function.name] = deque(refusals)
