"""Suspend environment: raises the generation, so that nothing starts tasks while they are stopped.

It waits for running executions. Repeating it is safe; an outdated intent changes nothing, except
that it is stored if it is the newest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bivouac import clock, times
from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.commands import inputs
from bivouac.deletion.step import LAST_ANSWER_SECONDS
from bivouac.environment import wait_times
from bivouac.environment.intents import POWER, Verb, followed
from bivouac.environment.record import Follow, Leave, Status, Take, found, suspending
from bivouac.environment.wait_times import try_again
from bivouac.observability import Event, logger, step
from bivouac.settings import StackSettings
from bivouac.stack import records


def suspend_environment(
    event: Event,
    now: datetime,
    settle_seconds: int,
    records: Records,
    stepfunctions: SFNClient,
) -> Event:
    """`status` SUSPENDED, OUTDATED, or WAIT with what is to be known when it is tried again.

    Raises InvalidRequestError, EnvironmentNotFoundError."""
    request = event["request"]
    inputs.require(inputs.SLEEP, request, now)
    # Of the answer before the wait: the state is the input at first, which has no such field
    settled = event["state"].get("settled", False)
    environment, execution = request["environment"], event["execution"]
    intent = inputs.intent_of(request, event)
    record = found(records.find(environment), environment)
    runs = executions.another_holds(stepfunctions, record, execution)
    decision = suspending(record, execution, runs, request.get("generation"), intent)
    if isinstance(decision, Follow):
        return try_again(wait_times.ANOTHER_EXECUTION, settled=False)
    if isinstance(decision, Leave):
        logger.info("sleep outdated", reason=decision.reason)
        if decision.remember:
            records.remember(record, followed(record.intents, (POWER,), intent))
        return {"status": "OUTDATED", "environment": environment, "reason": decision.reason}
    settle = record.settle
    if isinstance(decision, Take):
        settle = decision.settle
        taken = replace(
            record.gone_back if decision.back else record,
            generation=decision.generation,
            status=Status.FALLING_ASLEEP,
            execution=execution,
            settle=settle,
            verb=Verb.SLEEP,
            intents=followed(record.intents, (POWER,), intent),
        )
        records.take(taken, record, forget=("failure",))
    if settle and not settled:
        return try_again(settle_seconds, settled=True)
    return {
        "status": "SUSPENDED",
        "environment": environment,
        "generation": decision.generation,
        "suspendedAt": times.timestamp(now),
        "deadline": times.timestamp(now + timedelta(seconds=LAST_ANSWER_SECONDS)),
        "expiresAt": record.expires_at,
    }


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    return suspend_environment(
        event, clock.now(), stack.settle_seconds, records(), clients.stepfunctions()
    )
