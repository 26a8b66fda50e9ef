"""Looking for a waiting execution until there is an answer, and sending it.

Two functions do this: the one that an execution begins to wait with, and the one that events call.
Whichever finds an answer sends it; that the other one finds it too changes nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bivouac.aws.faults import translated
from bivouac.aws.waits import Waits
from bivouac.observability import logger
from bivouac.waiting import (
    LATER_SECONDS,
    Awaited,
    Look,
    Sightings,
    Wait,
    worth_looking,
    worth_looking_later,
)

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

Looking = Callable[[Wait], Look]

LONGEST_WATCH = timedelta(seconds=840)
"""Before the function's own time-out of 900; what nothing tells of by then, the waiting state's
time-out does."""


def watch(
    wait: Wait, look: Looking, waits: Waits, stepfunctions: SFNClient, first_after: float = 0.0
) -> str:
    """Look, and look again as long as only looking can tell. What became of it, for the log.

    `first_after`: seconds until the first look, if nobody else looks before."""
    ends = datetime.now(UTC) + LONGEST_WATCH
    watcher = _Watcher(waits)
    if first_after:
        if not watcher.keeps(wait, wait.awaited or Awaited(), first_after):
            return "LEFT_TO_OTHERS"
        time.sleep(first_after)
        if not watcher.keeps(wait, wait.awaited or Awaited(), 0.0):
            return "OVER"
    while True:
        known = wait.sightings
        seen = look(wait)
        if seen.answer is not None:
            sent = send(wait, seen.answer, stepfunctions)
            waits.end(wait)
            return "ANSWERED" if sent else "TOO_LATE"
        polls = watcher.keeps(wait, seen.awaited, seen.again_after)
        if watcher.kept is None:
            return "OVER"
        wait, pause = watcher.kept, seen.again_after
        if _came_meanwhile(known, wait.sightings):
            if worth_looking(wait.purpose, wait.awaited, wait.sightings):
                continue
            if pause is None and worth_looking_later(wait.purpose, wait.awaited, wait.sightings):
                pause = LATER_SECONDS
                polls = watcher.keeps(wait, seen.awaited, pause)
        if pause is None or not polls:
            return "WAITS"
        if datetime.now(UTC) + timedelta(seconds=pause) > ends:
            return "WATCHED_LONG_ENOUGH"
        time.sleep(pause)


class _Watcher:
    """One of those who look, told apart by its name."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._name = str(uuid.uuid4())
        self.kept: Wait | None = None
        """The wait as it is now; None: it is over."""

    def keeps(self, wait: Wait, awaited: Awaited, next_look_after: float | None) -> bool:
        """Write down what is awaited; whether it is this one who is to look next."""
        now = datetime.now(UTC)
        due = now + timedelta(seconds=next_look_after) if next_look_after is not None else None
        self.kept, polls = self._waits.keep(wait, awaited, due, self._name, now)
        return polls and self.kept is not None


def _came_meanwhile(before: Sightings, after: Sightings) -> bool:
    """Whether events told of something since a look began."""
    return any(
        task not in before or sighting.version > before[task].version
        for task, sighting in after.items()
    )


def send(wait: Wait, answer: dict[str, object], stepfunctions: SFNClient) -> bool:
    """Resume the execution. False: it was resumed before, timed out, or was stopped."""
    with translated(f"execution that creates or deletes {wait.environment}"):
        try:
            stepfunctions.send_task_success(taskToken=wait.token, output=json.dumps(answer))
        except (
            stepfunctions.exceptions.TaskTimedOut,
            stepfunctions.exceptions.TaskDoesNotExist,
            stepfunctions.exceptions.InvalidToken,
        ) as error:
            logger.info("stale token dropped", reason=str(error))
            return False
    return True
