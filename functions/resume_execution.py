"""Resume execution: handles ECS events of our clusters' tasks and services for waiting executions.

An event decides nothing. It is worth a poll or it is not (docs/decisions/0010); it may arrive
twice, late, or after a newer one (W01). Repeating it is safe.
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients
from bivouac.environment import naming
from bivouac.errors import SupersededError
from bivouac.observability import Event, step
from bivouac.settings import StackSettings
from bivouac.stack import records
from bivouac.waiting import poll
from bivouac.waiting.wait import signal_of, worth_polling


@step
def handler(event: Event) -> Event:
    """`status`: NOT_OURS, NO_WAIT, NOTED, POLLED_ELSEWHERE, OVER, or how the poll ended."""
    signal, now, waits = signal_of(event), clock.now(), poll.waits()
    prefix = StackSettings.from_env().name_prefix
    environment = naming.environment_of_cluster(prefix, signal.cluster)
    if environment is None:
        return {"status": "NOT_OURS"}
    wait = waits.note(environment, signal)
    if wait is None:
        return {"status": "NO_WAIT", "environment": environment}
    urgent = signal.urgent or wait.poller_died(now)
    if not (urgent or worth_polling(wait.purpose, wait.awaited, wait.task_events)):
        return {"status": "NOTED", "environment": environment}
    claimed, free = waits.claim(wait, signal.name, now)
    if claimed is None or not free:
        # The active poller will see it.
        return {"status": "POLLED_ELSEWHERE", "environment": environment}
    try:
        record = records().current(environment, wait.generation)
    except SupersededError:
        waits.end(wait)
        return {"status": "OVER", "environment": environment}
    status = poll.poll_until_answered(
        claimed, poll.poll_for(claimed, record, urgent=urgent), waits, clients.stepfunctions()
    )
    return {"status": status, "environment": environment}
