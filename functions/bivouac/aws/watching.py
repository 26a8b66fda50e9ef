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
from bivouac.waiting import Look, Wait, worth_looking

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

Looking = Callable[[Wait], Look]

LONGEST_WATCH = timedelta(seconds=840)
"""Before the function's own time-out of 900; what nothing tells of by then, the waiting state's
time-out does."""


def watch(wait: Wait, look: Looking, waits: Waits, stepfunctions: SFNClient) -> str:
    """Look, and look again as long as only looking can tell. What became of it, for the log."""
    ends = datetime.now(UTC) + LONGEST_WATCH
    poller = str(uuid.uuid4())
    while True:
        known = frozenset(wait.sightings)
        seen = look(wait)
        if seen.answer is not None:
            sent = send(wait, seen.answer, stepfunctions)
            waits.end(wait)
            return "ANSWERED" if sent else "TOO_LATE"
        now = datetime.now(UTC)
        next_look_at = (
            now + timedelta(seconds=seen.again_after) if seen.again_after is not None else None
        )
        kept, polls = waits.keep(wait, seen.awaited, next_look_at, poller, now)
        if kept is None:
            return "OVER"
        came_meanwhile = kept.sightings.keys() - known or any(
            kept.sightings[task].version > wait.sightings[task].version for task in known
        )
        wait = kept
        if came_meanwhile and worth_looking(wait.purpose, wait.awaited, wait.sightings):
            continue
        if seen.again_after is None or not polls:
            return "WAITS"
        if now + timedelta(seconds=seen.again_after) > ends:
            return "WATCHED_LONG_ENOUGH"
        time.sleep(seen.again_after)


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
