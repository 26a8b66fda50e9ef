"""Every call to an AWS API during a benchmark: when, by whom, which operation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.endpoint.calls import Call

Caller = Callable[[str], bool]
"""Whether an access key id belongs to a caller."""


@dataclass(frozen=True)
class ApiCall:
    at: float
    """Seconds since the epoch at which it reached the endpoint."""
    access_key_id: str
    service: str
    """Botocore's name of the service that requests are signed for: ecs, states, logs..."""
    operation: str


class CallLog:
    """Pass `note` to the local cloud as its `observe`."""

    def __init__(self) -> None:
        self._calls: list[ApiCall] = []
        self._noted = threading.Condition()

    def note(self, call: Call) -> None:
        with self._noted:
            self._calls.append(
                ApiCall(time.time(), call.access_key_id, call.service, call.operation)
            )
            self._noted.notify_all()

    def between(self, begin: float, end: float, caller: Caller) -> tuple[ApiCall, ...]:
        """A caller's calls in this period, in order."""
        with self._noted:
            return tuple(
                call
                for call in self._calls
                if begin <= call.at <= end and caller(call.access_key_id)
            )

    def wait_for(self, operation: str, since: float, caller: Caller, timeout: float) -> bool:
        """Whether the caller makes the call within `timeout` seconds from now."""

        def called() -> bool:
            return any(
                call.operation == operation and call.at >= since and caller(call.access_key_id)
                for call in self._calls
            )

        with self._noted:
            return self._noted.wait_for(called, timeout)
