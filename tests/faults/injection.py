"""Faults below botocore, in place of the network, so that botocore's own retries are exercised.

A fault hits one API call of a run, counted from 1, and every attempt that botocore makes for it
unless it says otherwise. Whether AWS carries out the call is part of the fault: a lost answer after
the effect is what creates things twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any
from unittest import mock

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.retries.quota import RetryQuota
from moto.core.botocore_stubber import BotocoreStubber

from tests.functional.account import READ_ONLY, BivouacAccount
from tests.functional.machines import FunctionKilledError
from tests.localcloud.recordings import recording

Reply = tuple[int, dict[str, str], str]
WRAPPED_THROTTLE = (
    "Error retrieving subnet information for [subnet-725e9559]: "
    "Rate exceeded (ErrorCode: Throttling)"
)


class Fault(Enum):
    THROTTLED = "ThrottlingException before the effect"
    UNAVAILABLE = "503 before the effect"
    RESET = "connection reset before the effect"
    ANSWER_LOST_ONCE = "read time-out after the effect, then botocore's second attempt"
    ANSWER_LOST = "read time-out after the effect, at each attempt"
    KILLED = "process killed after the effect"
    WRAPPED_THROTTLE = "throttling of EC2 inside an InvalidParameterException (S03)"
    DENIED = "AccessDeniedException"
    BUSY_SCHEDULE = "Scheduler's ConflictException, as recorded in May 2026"


ON_READS = (Fault.THROTTLED,)
"""A read has no effect that could be lost: whatever hits it, the step ends and is repeated."""
ON_CHANGES = (
    Fault.THROTTLED,
    Fault.UNAVAILABLE,
    Fault.RESET,
    Fault.ANSWER_LOST_ONCE,
    Fault.ANSWER_LOST,
    Fault.KILLED,
)


def kinds(call: str) -> tuple[Fault, ...]:
    """The faults that can hit a call such as "ecs:CreateService"."""
    if call in ("ecs:CreateService", "ecs:UpdateService"):
        return (*ON_CHANGES, Fault.WRAPPED_THROTTLE)
    return ON_READS if only_reads(call) else ON_CHANGES


def only_reads(call: str) -> bool:
    return call.split(":")[1].startswith(READ_ONLY)


@dataclass
class Injection:
    """Hits the calls that `hits` selects by number and name."""

    account: BivouacAccount
    fault: Fault
    hits: Callable[[int, str], bool]
    struck: int = 0
    """How many attempts were hit."""
    _struck_calls: set[int] = field(default_factory=set)

    def __call__(self, request: Any, send: Callable[[], Reply]) -> Reply:
        number = len(self.account.calls)
        if not self.hits(number, self.account.calls[-1]):
            return send()
        if self.fault in (Fault.ANSWER_LOST_ONCE, Fault.KILLED) and number in self._struck_calls:
            return send()
        self.struck += 1
        self._struck_calls.add(number)
        match self.fault:
            case Fault.THROTTLED:
                return _refusal(request, 400, "ThrottlingException", "Rate exceeded")
            case Fault.UNAVAILABLE:
                return 503, {}, "Service Unavailable"
            case Fault.WRAPPED_THROTTLE:
                return _refusal(request, 400, "InvalidParameterException", WRAPPED_THROTTLE)
            case Fault.DENIED:
                return _refusal(request, 400, "AccessDeniedException", "is not authorized")
            case Fault.BUSY_SCHEDULE:
                said = recording("scheduler-conflict")
                return _refusal(request, said["status"], said["code"], said["message"])
            case Fault.RESET:
                raise ConnectionClosedError(endpoint_url=request.url)
            case Fault.ANSWER_LOST | Fault.ANSWER_LOST_ONCE:
                send()
                raise ReadTimeoutError(endpoint_url=request.url)
            case Fault.KILLED:
                send()
                raise FunctionKilledError
        raise AssertionError(self.fault)


def _refusal(request: Any, status: int, code: str, message: str) -> Reply:
    if "ec2." in request.url:
        errors = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        return status, {}, f"<Response>{errors}<RequestID>1</RequestID></Response>"
    body = json.dumps({"__type": code, "message": message})
    return status, {"x-amzn-errortype": code}, body


@contextmanager
def injected(injection: Injection) -> Iterator[Injection]:
    """Sends every attempt of every AWS call in this process through the injection.

    botocore's pauses take no time, and it may always retry: here the production clients live as
    long as the process, and would run out of retries as no function's process does."""
    process = BotocoreStubber.process_request

    def replaced(stubber: BotocoreStubber, request: Any) -> Any:
        return injection(request, lambda: process(stubber, request))

    pauses = SimpleNamespace(sleep=injection.account.pass_time)
    with (
        mock.patch.object(BotocoreStubber, "process_request", replaced),
        mock.patch("botocore.endpoint.time", pauses),
        mock.patch.object(RetryQuota, "acquire", return_value=True),
    ):
        yield injection


def at(number: int) -> Callable[[int, str], bool]:
    return lambda count, call: count == number
