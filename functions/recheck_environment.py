"""Recheck environment: whether an environment that was READY still is, or is so again.

ECS emits an event when one of our tasks stops unexpectedly, and when a deployment fails. A task
that ECS replaces in time does not matter: what counts is the environment's state after a while.
DEGRADED environments are also rechecked every 15 minutes, because no event reports a recovery.
Repeating it is safe, also in parallel: the record is written only if it has not changed since it
was read.
"""

from __future__ import annotations

from bivouac.aws import clients
from bivouac.environment import naming
from bivouac.environment.record import Status
from bivouac.environment.wait_times import PATIENCE_SECONDS
from bivouac.observability import Event, logger, step
from bivouac.recheck.recheck import Recheck
from bivouac.settings import StackSettings
from bivouac.stack import event_bus, records
from bivouac.waiting.wait import signal_of


@step
def handler(event: Event) -> Event:
    """`status` by environment: the event's environment, or, for {"status": "DEGRADED"}, all that
    are DEGRADED."""
    recheck = Recheck(records(), clients.logs(), event_bus())
    if event == {"status": Status.DEGRADED}:
        found = [each for each in records().listed() if each.status is Status.DEGRADED]
        return {
            "status": "RECHECKED",
            "environments": {each.environment: recheck(each.environment, 0.0) for each in found},
        }
    signal = signal_of(event)
    if not signal.urgent or signal.service.startswith(naming.PROOF_PREFIX):
        return {"status": "EXPECTED", "environments": {}}
    prefix = StackSettings.from_env().name_prefix
    environment = naming.environment_of_cluster(prefix, signal.cluster)
    if environment is None:
        return {"status": "NOT_OURS", "environments": {}}
    logger.append_keys(environment=environment)
    return {
        "status": "RECHECKED",
        "environments": {environment: recheck(environment, PATIENCE_SECONDS)},
    }
