"""Diagnose failure: what failed, the evidence, the last log lines, and the next step.

The answer becomes the failed execution's error and cause. The record keeps it, because ECS drops
stopped tasks after about an hour (H22); then an event is published. A READY environment stays
READY: the failure came after the proof and undoes nothing. Repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from bivouac import clock
from bivouac.aws import clients
from bivouac.aws.client_types import CloudWatchLogsClient, ECSClient
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.diagnosis import create_verdicts, failure
from bivouac.environment.event import DetailType
from bivouac.environment.record import Status
from bivouac.errors import SupersededError
from bivouac.notifications import events
from bivouac.notifications.notifier import Notifier
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.stack import event_bus, records


def diagnose_failure(
    event: Event,
    now: datetime,
    records: Records,
    logs: CloudWatchLogsClient,
    ecs: Callable[[], ECSClient],
    bus: EventBus,
) -> Event:
    """`error` and `cause` of the failed execution; `superseded` if a newer execution has taken
    over, or the environment is proven."""
    environment, generation = event["environment"], event["generation"]
    try:
        record = records.current(environment, generation)
    except SupersededError as error:
        return {"superseded": True, "error": "SupersededError", "cause": str(error)}
    blueprint = record.planned
    read = partial(failure.read, blueprint, ecs)
    name, verdicts = create_verdicts.of(event, blueprint, read)
    if record.status in (Status.READY, Status.DEGRADED):
        return {"superseded": True, "error": name, "cause": create_verdicts.although_ready(event)}
    if verdicts:
        found = failure.reported(name, verdicts, blueprint, generation, logs)
    else:
        found = failure.unexplained(name, create_verdicts.message(event["failure"]))
    records.finish(environment, generation, Status.FAILED, failure=found)
    failed = replace(record, status=Status.FAILED, failure=found)
    Notifier(records, bus)(events.of_record(DetailType.FAILED, failed, now), event.get("tries", 0))
    metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
    return {"superseded": False, "error": name, "cause": found["cause"]}


@step
def handler(event: Event) -> Event:
    state, logs = {**event["state"], "tries": event["tries"]}, clients.logs()
    return diagnose_failure(state, clock.now(), records(), logs, clients.ecs, event_bus())
