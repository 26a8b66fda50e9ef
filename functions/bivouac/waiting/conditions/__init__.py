"""The poll for each purpose of a wait."""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients
from bivouac.environment.record import Record
from bivouac.waiting.poll import Poll
from bivouac.waiting.wait import Purpose, Wait


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
