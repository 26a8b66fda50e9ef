"""Close environment: raises the generation, so that a running create can create nothing more.

A running create is also stopped, and its last function waited for. Repeating it is safe. An
outdated intent changes nothing, except that an expiry that fires before the lease's end arms the
right one.
"""

from __future__ import annotations

from datetime import datetime

from bivouac import clock, times
from bivouac.aws.scheduler import Schedules
from bivouac.commands import inputs
from bivouac.commands.holder import Holder, holder
from bivouac.deletion.step import closed
from bivouac.environment import taking
from bivouac.environment.decisions import Leave, Take, closing
from bivouac.environment.intents import Verb
from bivouac.environment.record import DELETION_BEGUN, never_created
from bivouac.observability import Event, step
from bivouac.stack import schedules
from bivouac.status import answers
from bivouac.status.answers import Outcome


def close_environment(event: Event, now: datetime, holder: Holder, schedules: Schedules) -> Event:
    """`status` CLOSED with the empty receipt; SETTLE with the same, if the next step must wait for
    the last functions of a stopped create; WAIT until it is tried again; OUTDATED; or
    NOTHING_THERE."""
    request = event["request"]
    inputs.require(inputs.DELETION, request, now)
    asked = inputs.deletion_of(request, event)
    environment = asked.environment
    record = holder.records.find(environment)
    if record is None:
        if asked.intent is not None and not asked.keep_schedule:
            holder.records.remember_deleted(environment, asked.intent, now)
        reason = never_created(environment)
        return answers.left_alone(Outcome.NOTHING_THERE, environment, reason)
    decision = closing(record, holder.execution, holder.another_runs(record), asked)
    recorded = False
    match decision:
        case Leave(remember=remember):
            if remember:
                holder.records.remember(record, asked.followed(record))
            if asked.used_up_the_expiry(record):
                schedules.arm_expiry(environment, times.moment(record.expires_at), now)
        case Take():
            intents, recorded = asked.followed(record), record.status not in DELETION_BEGUN
            deleting = taking.taken_over(record, holder.execution, decision, Verb.DELETE, intents)
            record = holder.take(deleting, record, decision)
    if answer := answers.not_taken(decision, environment):
        return answer
    return holder.settling(record, closed(record, recorded, asked.keep_schedule, now))


@step
def handler(event: Event) -> Event:
    return close_environment(event, clock.now(), holder(event), schedules())
