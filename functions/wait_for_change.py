"""Wait for change: keeps the execution's token, then looks, so that no change falls in between.

Whatever changes later, `resume_execution` hears of it; what AWS tells nobody is looked at from
here. Repeating it is safe: the newest token replaces the one before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bivouac import clock
from bivouac.aws import clients
from bivouac.aws.environments_table import Records
from bivouac.environment.record import Record
from bivouac.observability import Event, step
from bivouac.stack import records, waits
from bivouac.waiting import conditions
from bivouac.waiting.poll import Poll, poll_until_answered
from bivouac.waiting.store import Waits
from bivouac.waiting.wait import Purpose, Wait

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

THE_FIRST = "the first"
"""To look at this wait; others leave it to this one meanwhile."""


def wait_for_change(
    event: Event,
    now: datetime,
    records: Records,
    waits: Waits,
    stepfunctions: SFNClient,
    poll_for: conditions.PollFor,
) -> Event:
    """`status`: what became of the first looks. The answer itself goes to the execution.

    Raises SupersededError where the generation is over, and whatever the look raises."""
    wait = Wait(
        environment=event["environment"],
        generation=event["generation"],
        token=event["token"],
        purpose=Purpose(event["purpose"]),
        context=event["context"],
    )
    record: Record = records.current(wait.environment, wait.generation)
    after = wait.first_poll_after
    waits.begin(wait, now, poller="" if after else THE_FIRST)
    look: Poll = poll_for(wait, record, urgent=False)
    return {"status": poll_until_answered(wait, look, waits, stepfunctions, after)}


@step
def handler(event: Event) -> Event:
    return wait_for_change(
        event,
        clock.now(),
        records(),
        waits(),
        clients.stepfunctions(),
        conditions.poll_for,
    )
