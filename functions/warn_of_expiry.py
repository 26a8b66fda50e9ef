"""Warn of expiry: publishes that a lease ends soon, with the command that extends it.

The warning schedule calls it. It publishes nothing if the lease has been extended or the
environment has been deleted. Repeating it is safe: it publishes the same event.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.commands import inputs
from bivouac.environment.record import LEASE_OVER
from bivouac.notifications import events
from bivouac.observability import Event, step
from bivouac.settings import Machine
from bivouac.stack import event_bus, records


@step
def handler(event: Event) -> Event:
    """`status` WARNED, or OUTDATED if the lease no longer has this end."""
    now = clock.now()
    inputs.require(inputs.WARNING, event, now)
    environment, expires_at = event["environment"], event["expiresAt"]
    record = records().find(environment)
    if record is None or record.status in LEASE_OVER or record.expires_at != expires_at:
        return {"status": "OUTDATED", "environment": environment}
    extend = Machine.EXTEND.arn
    event_bus().publish(events.expiring(record, now, event["warningSeconds"], extend))
    return {"status": "WARNED", "environment": environment}
