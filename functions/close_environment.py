"""Close environment: raises the generation, so that a running create can create nothing more.

The check of the generation and the AWS call after it are not atomic, so a running create is also
stopped, and its last function waited for. Repeating it is safe. An outdated intent changes nothing,
except that an expiry that fires before the lease's end arms the right one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bivouac import clock, times
from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.aws.scheduler import Schedules
from bivouac.commands import inputs
from bivouac.deletion import receipt
from bivouac.deletion.step import LAST_ANSWER_SECONDS
from bivouac.environment import wait_times
from bivouac.environment.intents import Intent, Verb, followed
from bivouac.environment.record import (
    Follow,
    Leave,
    Nothing,
    Record,
    Status,
    Take,
    closing,
    matter_of_deletion,
)
from bivouac.observability import Event, logger, step
from bivouac.settings import StackSettings
from bivouac.stack import records, schedules

_BEGUN_BEFORE = (
    Status.DELETING,
    Status.NOT_DELETED,
    Status.ORPHANED,
    Status.DELETED,
    Status.SCHEDULED,
)
"""A deletion has run: the revisions listed in the record may no longer exist."""
_ENDED = (Status.DELETING, Status.DELETED)
"""The receipt removes the expiry, or arms it again."""


def close_environment(
    event: Event,
    now: datetime,
    settle_seconds: int,
    records: Records,
    stepfunctions: SFNClient,
    schedules: Schedules,
) -> Event:
    """`status` CLOSED with the empty receipt, OUTDATED, NOTHING_THERE, or WAIT with what is to be
    known when it is tried again."""
    request, state = event["request"], event["state"]
    inputs.require(inputs.DELETION, request, now)
    # Of the answer before the wait: the state is the input at first, which has no such fields
    settled, recorded = state.get("settled", False), state.get("recorded", False)
    environment, execution = request["environment"], event["execution"]
    intent = _meant(request, event)
    record = records.find(environment)
    runs = executions.another_holds(stepfunctions, record, execution)
    decision = closing(
        record,
        execution,
        runs,
        environment=environment,
        generation=request.get("generation"),
        expires_at=request.get("expiresAt"),
        intent=intent,
        keep_schedule=request.get("keepSchedule", False),
        unless_proven=request.get("unlessProven", False),
    )
    if isinstance(decision, Follow):
        return _wait(wait_times.ANOTHER_EXECUTION, settled=False, recorded=False)
    if isinstance(decision, Nothing):
        if intent is not None and not request.get("keepSchedule", False):
            records.remember_deleted(environment, intent, now)
        return {"status": "NOTHING_THERE", "environment": environment, "reason": decision.reason}
    if record is None:
        raise ValueError(f"{environment} has no record, although there was a decision about it")
    if isinstance(decision, Leave):
        _leave(record, decision, intent, request, now, records, schedules)
        return {"status": "OUTDATED", "environment": environment, "reason": decision.reason}
    held = record
    if isinstance(decision, Take):
        recorded = record.status not in _BEGUN_BEFORE
        held = replace(
            record,
            generation=decision.generation,
            status=Status.DELETING,
            execution=execution,
            settle=decision.settle,
            verb=Verb.DELETE,
            intents=_followed(record, intent, request),
        )
        records.take(held, record)
        if decision.stop:
            executions.stop(stepfunctions, decision.stop, f"deleted by {execution}")
    if held.settle and not settled:
        return _wait(settle_seconds, settled=True, recorded=recorded)
    return _closed(held, request, recorded, now)


def _meant(request: Event, event: Event) -> Intent | None:
    """None if the deletion follows a failure or the end of a lease: it says what it is based on,
    and was not meant at the time when it started. An intent would outdate an unrelated create that
    was requested before that time."""
    if "intent" not in request and request.keys() & {"generation", "expiresAt"}:
        return None
    return inputs.intent_of(request, event)


def _followed(record: Record, intent: Intent | None, request: Event) -> dict[str, Intent]:
    matter = matter_of_deletion(request.get("keepSchedule", False))
    return followed(record.intents, (matter,), intent) if intent else dict(record.intents)


def _leave(
    record: Record,
    decision: Leave,
    intent: Intent | None,
    request: Event,
    now: datetime,
    records: Records,
    schedules: Schedules,
) -> None:
    logger.info("deletion outdated", reason=decision.reason)
    if decision.remember:
        records.remember(record, _followed(record, intent, request))
    if "expiresAt" in request and record.status not in _ENDED:
        # The schedule deleted itself when it fired. The step that set the lease's current end may
        # have died before it armed a new one.
        schedules.arm_expiry(record.environment, times.moment(record.expires_at), now)


def _closed(held: Record, request: Event, recorded: bool, now: datetime) -> Event:
    return {
        "status": "CLOSED",
        "environment": held.environment,
        "generation": held.generation,
        "closedAt": times.timestamp(now),
        "deadline": times.timestamp(now + timedelta(seconds=LAST_ANSWER_SECONDS)),
        "recorded": recorded,
        "keepSchedule": request.get("keepSchedule", False),
        **receipt.begun(),
    }


def _wait(seconds: int, *, settled: bool, recorded: bool) -> Event:
    return {"status": "WAIT", "waitSeconds": seconds, "settled": settled, "recorded": recorded}


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    return close_environment(
        event,
        clock.now(),
        stack.settle_seconds,
        records(),
        clients.stepfunctions(),
        schedules(),
    )
