"""Wait for change: stores the execution's token, then polls, so that no change is missed.

Later events invoke `resume_execution`; changes without an event are polled from here. Repeating it
is safe: the newest token replaces the one before it.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients
from bivouac.observability import Event, step
from bivouac.stack import held
from bivouac.waiting import poll
from bivouac.waiting.wait import Purpose, Wait

FIRST_POLLER = "the first"
"""Holds the claim to poll from the start, so that no other poller polls meanwhile."""


@step
def handler(event: Event) -> Event:
    """`status`: how the first polls ended. The answer itself goes to the execution.

    Raises SupersededError if the generation is over, and whatever the poll raises."""
    wait = Wait(
        environment=event["environment"],
        generation=event["generation"],
        token=event["token"],
        purpose=Purpose(event["purpose"]),
        context=event["context"],
    )
    record = held(event)
    waits, after = poll.waits(), wait.first_poll_after
    wait = waits.begin(wait, clock.now(), poller="" if after else FIRST_POLLER)
    status = poll.poll_until_answered(
        wait, poll.poll_for(wait, record, urgent=False), waits, clients.stepfunctions(), after
    )
    return {"status": status}
