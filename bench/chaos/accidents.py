"""Causes accidents to the calls of Bivouac's functions and machines, and to events."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bench.chaos.scenario import Accident, Fate, Fault
from localcloud.endpoint import call_faults
from localcloud.endpoint.calls import Call
from localcloud.events.delivery import Delivery

LATE_SECONDS = 150.0
"""Before scaling: later than what was requested after it."""
_OF_AWS_ITSELF = ("sqs",)
"""Dead letters: AWS sends them with a role, and does not give up after one refusal."""
STATUS_EVENTS = ("aws.ecs", "aws.states")
_FATES: Mapping[Fate, Sequence[float]] = {
    Fate.ONCE: (0.0,),
    Fate.TWICE: (0.0, 30.0),
    Fate.LATE: (LATE_SECONDS,),
    Fate.LOST: (),
}
_FAULTS: Mapping[Accident, call_faults.Fault] = {
    Accident.THROTTLED: call_faults.THROTTLED,
    Accident.UNAVAILABLE: call_faults.UNAVAILABLE,
    Accident.RESET: call_faults.Cut.BEFORE,
    Accident.ANSWER_LOST: call_faults.Cut.AFTER,
    Accident.KILLED: call_faults.Cut.AFTER,
    Accident.DENIED: call_faults.DENIED,
}


@dataclass
class _Armed:
    fault: Fault
    skip: int
    left: int


class Accidents:
    """Called by the local cloud for every call and every delivery."""

    def __init__(
        self,
        role_of: Callable[[str], str | None],
        processes_of_role: Callable[[str], Sequence[int]],
    ) -> None:
        self._role_of = role_of
        self._processes_of_role = processes_of_role
        self._armed: list[_Armed] = []
        self._fates: dict[str, Fate] = {}
        self._lock = threading.Lock()
        self._draw = random.Random(0)
        self._lose_events = False
        self.struck: list[str] = []
        """What was hit, in order, for people."""

    def begin(self, seed: int) -> None:
        self.stop()
        self._draw = random.Random(seed)
        self._fates.clear()
        self.struck = []

    def stop(self) -> None:
        """Ends all accidents."""
        with self._lock:
            self._armed.clear()
        self._lose_events = False

    def arm(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault, fault.skip, fault.times))

    def lose_status_events(self) -> None:
        self._lose_events = True

    def decide(self, intent_id: str, fate: Fate) -> None:
        """Decides what becomes of the event with this id in its intent, or of the next push."""
        self._fates[intent_id] = fate

    def of_call(self, call: Call) -> call_faults.Fault | None:
        role = self._role_of(call.access_key_id)
        if role is None or call.service in _OF_AWS_ITSELF:
            return None
        name = f"{call.service}:{call.operation}"
        with self._lock:
            armed = self._next(name, _short(role))
        if armed is None:
            return None
        self.struck.append(f"{armed.fault.accident} at {name} of {_short(role)}")
        if armed.fault.accident is Accident.KILLED:
            for process in self._processes_of_role(role):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        return _FAULTS[armed.fault.accident]

    def _next(self, name: str, role: str) -> _Armed | None:
        for armed in self._armed:
            fault = armed.fault
            if not fnmatchcase(name, fault.call):
                continue
            if fault.function and role != f"{fault.function}FunctionRole":
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            armed.left -= 1
            if not armed.left:
                self._armed.remove(armed)
            return armed
        return None

    def of_delivery(self, delivery: Delivery) -> Sequence[float]:
        event = delivery.event or {}
        if event.get("source") in STATUS_EVENTS:
            return () if self._lose_events else (0.0,)
        intent = (event.get("detail") or {}).get("intent") or {}
        fate = self._fates.get(intent.get("id", ""))
        if fate is None and event.get("source") in ("aws.ecr", "aws.codecommit"):
            fate = self._fates.get(str(event["source"]))
        return _FATES[fate or Fate.ONCE]


def _short(role_arn: str) -> str:
    return role_arn.rpartition("/")[2].split("-")[-2] if "-" in role_arn else role_arn
