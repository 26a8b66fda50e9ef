"""Follow up execution: does what an execution could not do on its way out.

Step Functions tells when one of ours ended without success. Where it still holds its environment,
the record says so from now on, others are told, and a deletion is started where one is due. Late
and repeated events change nothing: another execution holds the record by then, or what is started
has the same name (W01, W05).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bivouac import events
from bivouac.aftermath import Aftermath, Ended, aftermath
from bivouac.aws import clients, executions
from bivouac.aws.events import EventBus
from bivouac.aws.holding import event_bus, records
from bivouac.aws.records import Records
from bivouac.errors import SupersededError
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.record import Record, Status
from bivouac.settings import MachineSettings

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


def follow_up_execution(
    event: Event,
    now: datetime,
    records: Records,
    machines: MachineSettings,
    stepfunctions: SFNClient,
    bus: EventBus,
) -> Event:
    """`status` FOLLOWED_UP with what was `started`, or NOTHING_LEFT: it held nothing any more."""
    ended = Ended.from_event(event)
    record = held_by(ended, records)
    due = aftermath(record, ended) if record else None
    if record is None or due is None:
        return {"status": "NOTHING_LEFT", "execution": ended.arn}
    logger.append_keys(environment=record.environment, generation=record.generation)
    try:
        started = done(due, record, now, records, machines, stepfunctions, bus)
    except SupersededError as error:
        return {"status": "NOTHING_LEFT", "execution": ended.arn, "reason": str(error)}
    return {
        "status": "FOLLOWED_UP",
        "execution": ended.arn,
        "environment": record.environment,
        "started": started,
    }


def held_by(ended: Ended, records: Records) -> Record | None:
    """The record that the execution holds or last held; the input only says where to look first."""
    if ended.environment:
        record = records.find(ended.environment)
        if record and record.execution == ended.arn:
            return record
    for summary in records.listed():
        if summary.execution == ended.arn:
            return records.find(summary.environment)
    return None


def done(
    due: Aftermath,
    record: Record,
    now: datetime,
    records: Records,
    machines: MachineSettings,
    stepfunctions: SFNClient,
    bus: EventBus,
) -> str | None:
    """The name of the execution that follows, which a call before this one may have started.

    Raises SupersededError where another execution took the record meanwhile."""
    if due.failure:
        records.end(record, Status.FAILED, settle=True, failure=due.failure)
        subject = events.Subject(record.environment, record.generation, now)
        bus.publish(events.failed(subject, due.failure))
        metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
    if due.start is None:
        return None
    executions.start(
        stepfunctions, machines.delete_state_machine_arn, due.start.name, due.start.content
    )
    return due.start.name


@step
def handler(event: Event) -> Event:
    return follow_up_execution(
        event,
        datetime.now(UTC),
        records(),
        MachineSettings.from_env(),
        clients.stepfunctions(),
        event_bus(),
    )
