"""Looking for a waiting execution until there is an answer, and sending it.

Two functions do this: the one that an execution begins to wait with, and the one that events call.
Whichever finds an answer sends it; that the other one finds it too changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from bivouac import clock
from bivouac.aws import executions
from bivouac.waiting.store import Waits
from bivouac.waiting.wait import (
    LATER_SECONDS,
    PollResult,
    TaskEvents,
    Wait,
    worth_polling,
    worth_polling_later,
)

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

Poll = Callable[[Wait], PollResult]

LONGEST_POLLING = timedelta(seconds=840)
"""Before the function's own time-out of 900; what nothing tells of by then, the waiting state's
time-out does."""


def poll_until_answered(
    wait: Wait, look: Poll, waits: Waits, stepfunctions: SFNClient, first_after: float = 0.0
) -> str:
    """Look, and look again as long as only looking can tell. What became of it, for the log.

    Whoever calls this has seen to it that nobody else looks at the same time. `first_after`:
    seconds until the first look, if nobody else looks before; then it is seen to here."""
    ends = clock.now() + LONGEST_POLLING
    poller = _Poller(waits, wait)
    # Seconds until the look that nobody else will make; None: this one is not who polls.
    pause: float | None = first_after or None
    if pause and not poller.polls_after(pause):
        return "LEFT_TO_OTHERS"
    at_once = free = pause is None
    while True:
        if pause and not at_once:
            if clock.now() + timedelta(seconds=pause) > ends:
                return "WATCHED_LONG_ENOUGH"
            clock.sleep(pause)
        if not free and not poller.may_poll():
            # Somebody looks at this moment, and sees as much. Whoever polls must stay all the same:
            # the other one leaves it to him.
            if poller.wait is not None and pause and poller.polls_after(pause):
                at_once = False
                continue
            return "OVER" if poller.wait is None else "LEFT_TO_OTHERS"
        wait, free = poller.current(), False
        seen = look(wait)
        if seen.answer is not None:
            sent = send(wait, seen.answer, stepfunctions)
            waits.end(wait)
            return "ANSWERED" if sent else "TOO_LATE"
        polls = poller.keeps(seen)
        if poller.wait is None:
            return "OVER"
        pause = seen.again_after if polls else None
        at_once = _calls_for_another(wait, poller.wait)
        if at_once:
            continue
        if seen.again_after is None and _calls_for_a_later_one(wait, poller.wait):
            pause = LATER_SECONDS if poller.polls_after(LATER_SECONDS) else None
        if pause is None:
            return "WAITS"


class _Poller:
    """One of those who look, told apart by its name."""

    def __init__(self, waits: Waits, wait: Wait) -> None:
        self._waits = waits
        self._name = str(uuid.uuid4())
        self.wait: Wait | None = wait
        """As it was last seen; None: it is over."""

    def current(self) -> Wait:
        assert self.wait is not None
        return self.wait

    def may_poll(self) -> bool:
        """Whether nobody else looks at this moment."""
        self.wait, free = self._waits.claim(self.current(), self._name, clock.now())
        return free

    def keeps(self, seen: PollResult) -> bool:
        """Write down what is awaited; whether it is this one who is to look next."""
        now = clock.now()
        due = now + timedelta(seconds=seen.again_after) if seen.again_after is not None else None
        self.wait, polls = self._waits.keep(self.current(), seen.awaited, due, self._name, now)
        return polls

    def polls_after(self, pause: float) -> bool:
        """Whether it is this one who is to look next, so much later."""
        now = clock.now()
        due = now + timedelta(seconds=pause)
        self.wait, polls = self._waits.postpone(self.current(), due, self._name, now)
        return polls


def _calls_for_another(before: Wait, now: Wait) -> bool:
    """Whether events that a look cannot have known of are worth another one."""
    return now.alarms > before.alarms or (
        _came_meanwhile(before.task_events, now.task_events)
        and worth_polling(now.purpose, now.awaited, now.task_events)
    )


def _calls_for_a_later_one(before: Wait, now: Wait) -> bool:
    return _came_meanwhile(before.task_events, now.task_events) and worth_polling_later(
        now.purpose, now.awaited, now.task_events
    )


def _came_meanwhile(before: TaskEvents, after: TaskEvents) -> bool:
    """Whether events told of something since a look began."""
    return any(
        task not in before or task_event.version > before[task].version
        for task, task_event in after.items()
    )


def send(wait: Wait, answer: dict[str, object], stepfunctions: SFNClient) -> bool:
    """Resume the execution. False: it was resumed before, timed out, or was stopped."""
    subject = f"execution that creates or deletes {wait.environment}"
    return executions.resume(stepfunctions, wait.token, answer, subject)
