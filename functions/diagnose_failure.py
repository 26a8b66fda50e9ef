"""Diagnose failure: what failed, the evidence, the last log lines, and the next step.

The answer becomes the failed execution's error and cause. The record keeps it, because ECS drops
stopped tasks after about an hour (H22); then an event is published. A READY environment stays
READY: the failure came after the proof and undoes nothing. Repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from bivouac import clock
from bivouac.aws import clients
from bivouac.aws.client_types import CloudWatchLogsClient, ECSClient
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.diagnosis import create_verdicts, report
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.failure import reported
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.event import Subject
from bivouac.environment.record import Status
from bivouac.errors import BivouacError, SupersededError
from bivouac.notifications import events
from bivouac.notifications.notifier import Notifier
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.services import observation
from bivouac.services.deployments import Expected, Observed
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
    try:
        record = records.current(event["environment"], event["generation"])
    except SupersededError as error:
        return {"superseded": True, "error": "SupersededError", "cause": str(error)}
    blueprint = Blueprint.from_json(record.content)
    read = partial(_read, blueprint, ecs)
    error_name, verdicts = create_verdicts.of(event, blueprint, read)
    if record.status in (Status.READY, Status.DEGRADED):
        return {"superseded": True, "error": error_name, "cause": _ready_all_the_same(event)}
    if verdicts:
        failure = reported(error_name, verdicts, blueprint, event["generation"], logs)
    else:
        failure = {
            "error": error_name,
            "cause": report.fitting(create_verdicts.message(event["failure"])),
            "category": Category.UNKNOWN,
            "verdicts": [],
        }
    records.finish(event["environment"], event["generation"], Status.FAILED, failure=failure)
    subject = Subject(event["environment"], event["generation"], now)
    Notifier(records, bus)(events.failed(subject, failure), event.get("tries", 0))
    metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
    return {"superseded": False, "error": error_name, "cause": failure["cause"]}


def _ready_all_the_same(event: Event) -> str:
    failed = create_verdicts.message(event["failure"]) if "failure" in event else ""
    ready = f"The environment {event['environment']} is READY, and its proof is in the record."
    return report.together(ready, f"A step after that failed: {failed}") if failed else ready


def _read(
    blueprint: Blueprint, ecs: Callable[[], ECSClient], expected: Sequence[Expected]
) -> Mapping[str, Observed]:
    """What ECS shows now. A diagnosis without it is better than none."""
    if not expected:
        return {}
    try:
        return observation.with_stopped(ecs(), blueprint.cluster["clusterName"], expected)
    except BivouacError as error:
        logger.warning("tasks not read", reason=str(error))
        return {}


@step
def handler(event: Event) -> Event:
    return diagnose_failure(
        {**event["state"], "tries": event["tries"]},
        clock.now(),
        records(),
        clients.logs(),
        clients.ecs,
        event_bus(),
    )
