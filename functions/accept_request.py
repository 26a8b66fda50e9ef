"""Accept request: starts the executions that an event requests, and nothing else.

The record decides what holds, so a late or repeated intent starts nothing, or an execution that
changes nothing. Execution names derive from the event's id: repeating it is safe, even after a
crash half-way, and a refused request can be put again. If this function raises, Lambda retries
after one and two more minutes; then the event is among the undelivered ones, with the reason.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients
from bivouac.commands.acceptance import Acceptance
from bivouac.commands.events_in import CommandKind
from bivouac.observability import Event, step
from bivouac.settings import Machine
from bivouac.stack import records

_STARTED = {
    CommandKind.CREATE: Machine.CREATE,
    CommandKind.REDEPLOY: Machine.REDEPLOY,
    CommandKind.DELETE: Machine.DELETE,
    CommandKind.EXTEND: Machine.EXTEND,
}


@step
def handler(event: Event) -> Event:
    return Acceptance(
        clock.now(),
        {kind: machine.arn for kind, machine in _STARTED.items()},
        records(),
        clients.stepfunctions(),
    ).accept(event)
