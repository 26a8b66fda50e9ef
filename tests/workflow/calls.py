"""The AWS calls that the application makes: counted, and held back if a test wants to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from localcloud.endpoint.calls import Call

HELD_AT_MOST = 90.0
"""Seconds: a test that forgets to let a call go must not hang."""
ENVIRONMENT_APIS = ("ecs", "servicediscovery", "logs")
"""The APIs of an environment's resources."""
_READS = ("Describe", "List", "Get", "Discover", "Filter")


class Hold:
    """One call that arrived at AWS and is not answered before it is released."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._let_go = threading.Event()

    def answer(self) -> None:
        """Called in the thread that answers the call."""
        if not self._arrived.is_set():
            self._arrived.set()
            self._let_go.wait(HELD_AT_MOST)

    def until_arrived(self) -> None:
        assert self._arrived.wait(HELD_AT_MOST), "the call never came"

    def let_go(self) -> None:
        self._let_go.set()


BESIDE = ("SweepEnvironments", "RecheckEnvironment", "FollowUpExecution")
"""Functions that look after everything, at any time: no story of one execution is about them."""


@dataclass
class Calls:
    """Every AWS call of the application; not those of the test itself, nor of the functions that
    run beside every story."""

    made: list[Call] = field(default_factory=list)
    role_of: Callable[[str], str | None] = lambda _: None
    """The role's ARN of an access key."""
    held: dict[str, Hold] = field(default_factory=dict)

    def note(self, call: Call) -> None:
        role = self.role_of(call.access_key_id)
        if role is None:
            return
        if not any(f"-{name}FunctionRole-" in role for name in BESIDE):
            self.made.append(call)
        if hold := self.held.get(f"{call.service}:{call.operation}"):
            hold.answer()

    @contextmanager
    def hold(self, name: str) -> Iterator[Hold]:
        """Lets the next call of this name ("ecs:CreateService") wait, at most until the end."""
        hold = self.held[name] = Hold()
        try:
            yield hold
        finally:
            del self.held[name]
            hold.let_go()

    def __len__(self) -> int:
        return len(self.made)

    def names(self, since: int = 0) -> list[str]:
        return [f"{call.service}:{call.operation}" for call in self.made[since:]]

    def to_environment_apis(self, since: int = 0) -> list[str]:
        return [
            f"{call.service}:{call.operation}"
            for call in self.made[since:]
            if call.service in ENVIRONMENT_APIS
        ]

    def changes(self, since: int = 0) -> list[str]:
        """The mutating calls to the APIs of an environment's resources."""
        return [
            name
            for name in self.to_environment_apis(since)
            if not name.partition(":")[2].startswith(_READS)
        ]
