"""Close environment: raises the generation, so that a running create can create nothing more.

The check of the generation and the AWS call after it are not atomic, so a running create is also
stopped, and its last function waited for. Repeating it is safe. An outdated intent changes nothing,
except that an expiry that fires before the lease's end arms the right one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bivouac import clock, times
from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.aws.scheduler import Schedules
from bivouac.commands import inputs
from bivouac.deletion.step import closed
from bivouac.environment import wait_times
from bivouac.environment.intents import Verb
from bivouac.environment.record import (
    DELETION_BEGUN,
    Follow,
    Leave,
    Status,
    Take,
    closing,
    never_created,
)
from bivouac.environment.wait_times import try_again
from bivouac.observability import Event, logger, step
from bivouac.settings import StackSettings
from bivouac.stack import records, schedules

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
    request, state, execution = event["request"], event["state"], event["execution"]
    inputs.require(inputs.DELETION, request, now)
    # Of the answer before the wait: the state is the input at first, which has no such fields
    settled, recorded = state.get("settled", False), state.get("recorded", False)
    asked = inputs.deletion_of(request, event)
    environment = asked.environment
    record = records.find(environment)
    if record is None:
        if asked.intent is not None and not asked.keep_schedule:
            records.remember_deleted(environment, asked.intent, now)
        reason = never_created(environment)
        return {"status": "NOTHING_THERE", "environment": environment, "reason": reason}
    runs = executions.another_holds(stepfunctions, record, execution)
    decision = closing(record, execution, runs, asked)
    if isinstance(decision, Follow):
        return try_again(wait_times.ANOTHER_EXECUTION, settled=False, recorded=False)
    if isinstance(decision, Leave):
        logger.info("deletion outdated", reason=decision.reason)
        if decision.remember:
            records.remember(record, asked.followed(record))
        if asked.expires_at and record.status not in _ENDED:
            # The schedule deleted itself when it fired. The step that set the lease's current end
            # may have died before it armed a new one.
            schedules.arm_expiry(environment, times.moment(record.expires_at), now)
        return {"status": "OUTDATED", "environment": environment, "reason": decision.reason}
    if isinstance(decision, Take):
        recorded = record.status not in DELETION_BEGUN
        taken = replace(
            record,
            generation=decision.generation,
            status=Status.DELETING,
            execution=execution,
            settle=decision.settle,
            verb=Verb.DELETE,
            intents=asked.followed(record),
        )
        records.take(taken, record)
        if decision.stop:
            executions.stop(stepfunctions, decision.stop, f"deleted by {execution}")
        record = taken
    if record.settle and not settled:
        return try_again(settle_seconds, settled=True, recorded=recorded)
    return closed(record, recorded, asked.keep_schedule, now)


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    return close_environment(
        event, clock.now(), stack.settle_seconds, records(), clients.stepfunctions(), schedules()
    )
