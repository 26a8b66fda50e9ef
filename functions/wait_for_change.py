"""Wait for change: stores the execution's token, then polls, so that no change is missed.

Later events invoke `resume_execution`; changes without an event are polled from here. Repeating it
is safe: the newest token replaces the one before it.
"""

from __future__ import annotations

from datetime import datetime

from bivouac import clock
from bivouac.aws import clients
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.environment.record import Record
from bivouac.observability import Event, step
from bivouac.stack import records
from bivouac.waiting import conditions
from bivouac.waiting.poll import Poll, poll_until_answered
from bivouac.waiting.store import Waits, waits
from bivouac.waiting.wait import Purpose, Wait

FIRST_POLLER = "the first"
"""Holds the claim to poll from the start, so that no other poller polls meanwhile."""


def wait_for_change(
    event: Event,
    now: datetime,
    records: Records,
    waits: Waits,
    stepfunctions: SFNClient,
    poll_for: conditions.PollFor,
) -> Event:
    """`status`: how the first polls ended. The answer itself goes to the execution.

    Raises SupersededError if the generation is over, and whatever the poll raises."""
    wait = Wait(
        environment=event["environment"],
        generation=event["generation"],
        token=event["token"],
        purpose=Purpose(event["purpose"]),
        context=event["context"],
    )
    record: Record = records.current(wait.environment, wait.generation)
    after = wait.first_poll_after
    wait = waits.begin(wait, now, poller="" if after else FIRST_POLLER)
    poll: Poll = poll_for(wait, record, urgent=False)
    return {"status": poll_until_answered(wait, poll, waits, stepfunctions, after)}


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
