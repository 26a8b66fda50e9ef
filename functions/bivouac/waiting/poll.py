"""Poll for a waiting execution until there is an answer, and send it.

Two functions poll: the one that starts the wait, and the one that events invoke. Whichever finds
the answer sends it; if the other finds it too, nothing changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

from bivouac import clock, settings
from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.waits_table import Waits
from bivouac.environment.record import Record
from bivouac.waiting.wait import PollResult, Purpose, TaskEvents, Wait, worth_polling

Poll = Callable[[Wait], PollResult]

LONGEST_POLLING = timedelta(seconds=840)
"""Ends before the function's own timeout of 900 seconds. If no event arrives after that, the
waiting state times out."""


def waits() -> Waits:
    """The waits table of this stack."""
    return Waits(clients.dynamodb(), settings.waits_table())


def poll_for(wait: Wait, record: Record, *, urgent: bool) -> Poll:
    """The poll for this wait; `urgent`: counts alone are not enough.

    Imports what the poll needs only when it is due: most events are only noted, and most
    functions that note one start cold."""
    if wait.purpose is Purpose.SERVICES:
        from bivouac.waiting.conditions.ready import ReadyPoll

        return ReadyPoll(
            record, urgent, clients.ecs(), clients.servicediscovery, clients.ec2, clock.now
        )
    if wait.purpose is Purpose.ASLEEP:
        from bivouac.waiting.conditions.asleep import AsleepPoll

        return AsleepPoll(record, clients.ecs(), clock.now)
    from bivouac.waiting.conditions.deleted import DeletedPoll

    return DeletedPoll(record, clients.ecs(), clients.servicediscovery, clients.logs, clock.now)


def poll_until_answered(
    wait: Wait, poll: Poll, waits: Waits, stepfunctions: SFNClient, first_after: float = 0.0
) -> str:
    """Poll until there is an answer or an event will call for the next poll. The status, for logs.

    The caller holds the claim to poll, unless `first_after` is given: the seconds until the first
    poll, which is claimed here and left out if another poller comes first."""
    poller, ends = str(uuid.uuid4()), clock.now() + LONGEST_POLLING
    current: Wait | None = wait
    # Seconds until the poll that this poller must make; None: another one makes it.
    pause: float | None = first_after or None
    if pause:
        current, polls = waits.keep(wait, None, pause, poller, clock.now())
        if not polls:
            return "POLLED_ELSEWHERE"
    at_once = free = pause is None
    while current is not None:
        if pause and not at_once:
            if clock.now() + timedelta(seconds=pause) > ends:
                return "POLLED_LONG_ENOUGH"
            clock.sleep(pause)
        if not free:
            current, free = waits.claim(current, poller, clock.now())
        if current is None:
            break
        if not free:
            # Another poller is polling now and will see the same. If the next poll is this one's,
            # it must stay all the same: the other poller relies on it.
            if pause:
                current, polls = waits.keep(current, None, pause, poller, clock.now())
                if polls:
                    at_once = False
                    continue
            return "POLLED_ELSEWHERE" if current else "OVER"
        wait, free = current, False
        result = poll(wait)
        if result.answer is not None:
            subject = f"execution that creates or deletes {wait.environment}"
            sent = executions.resume(stepfunctions, wait.token, result.answer, subject)
            waits.end(wait)
            return "ANSWERED" if sent else "TOO_LATE"
        current, polls = waits.keep(wait, result.awaited, result.again_after, poller, clock.now())
        if current is None:
            break
        pause = result.again_after if polls else None
        at_once = _is_poll_due(wait, current)
        if pause is None and not at_once:
            return "WAITS"
    return "OVER"


def _is_poll_due(before: Wait, now: Wait) -> bool:
    """Whether events that arrived since the last poll began call for another one."""
    return now.alarms > before.alarms or (
        _has_newer(before.task_events, now.task_events)
        and worth_polling(now.purpose, now.awaited, now.task_events)
    )


def _has_newer(before: TaskEvents, after: TaskEvents) -> bool:
    """Whether there are newer task events."""
    return any(
        task not in before or task_event.version > before[task].version
        for task, task_event in after.items()
    )
