"""Suspend environment: raises the generation, so that nothing starts tasks while they are stopped.

It waits for running executions. Repeating it is safe; an outdated intent changes nothing, except
that it is stored if it is the newest.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bivouac import clock, times
from bivouac.commands import inputs
from bivouac.commands.holder import Holder, holder
from bivouac.deletion.step import LAST_ANSWER_SECONDS
from bivouac.environment import taking
from bivouac.environment.decisions import Leave, Take, suspending
from bivouac.environment.intents import POWER, Verb, followed
from bivouac.environment.record import found
from bivouac.observability import Event, step
from bivouac.status import answers


def suspend_environment(event: Event, now: datetime, holder: Holder) -> Event:
    """`status` SUSPENDED; SETTLE with the same, if the next step must wait for the last functions
    of a dead execution; WAIT until it is tried again; or OUTDATED.

    Raises InvalidRequestError, EnvironmentNotFoundError."""
    request = event["request"]
    inputs.require(inputs.SLEEP, request, now)
    environment, intent = request["environment"], inputs.intent_of(request, event)
    record = found(holder.records.find(environment), environment)
    generation, runs = request.get("generation"), holder.another_runs(record)
    decision = suspending(record, holder.execution, runs, generation, intent)
    intents = followed(record.intents, (POWER,), intent)
    match decision:
        case Leave(remember=True):
            holder.records.remember(record, intents)
        case Take():
            asleep = taking.taken_over(record, holder.execution, decision, Verb.SLEEP, intents)
            record = holder.take(asleep, record, decision, forget=("failure",))
    if answer := answers.not_taken(decision, environment):
        return answer
    suspended = {
        "status": "SUSPENDED",
        "environment": environment,
        "generation": record.generation,
        "suspendedAt": times.timestamp(now),
        "deadline": times.timestamp(now + timedelta(seconds=LAST_ANSWER_SECONDS)),
        "expiresAt": record.expires_at,
    }
    return holder.settling(record, suspended)


@step
def handler(event: Event) -> Event:
    return suspend_environment(event, clock.now(), holder(event))
