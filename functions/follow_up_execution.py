"""Follow up execution: cleans up after an execution that ended without success.

Step Functions emits an event when one of ours does. If it still holds its environment, the record
becomes FAILED, an event is published, and a deletion is started if one is due. Late and repeated
events change nothing: by then another execution holds the record, or the deletion has the same
name (W01, W05).

A request by an event or a schedule is retried if its execution failed before it took the
environment. If it was refused, stopped by someone, or failed twice, this function raises, so that
the request ends among the undelivered events, like those for which no execution was started.
"""

from __future__ import annotations

from datetime import datetime

from bivouac import clock
from bivouac.aws import clients, executions, stepfunctions_answers
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.environment.record import Record, Status
from bivouac.errors import SupersededError, UnansweredRequestError
from bivouac.observability import Event, logger, step
from bivouac.settings import MACHINES, machine_arn
from bivouac.stack import event_bus, records
from bivouac.sweep.follow_up import Aftermath, Ended, after_redeploy, aftermath
from bivouac.sweep.start_follow_up import FollowUp


def follow_up_execution(
    event: Event, now: datetime, redeploy_machine: str, records: Records, follow_up: FollowUp
) -> Event:
    """`status` FOLLOWED_UP or RETRIED with what was `started`, or NOTHING_TO_DO: the execution no
    longer held anything.

    Raises UnansweredRequestError."""
    ended = Ended.from_event(event)
    if not ended.content and (whole := executions.described(follow_up.stepfunctions, ended.arn)):
        ended = Ended.of(whole)  # its input was too large for the event
    if stepfunctions_answers.execution(event["detail"]).machine_arn == redeploy_machine:
        record, due = redeployed(ended, records, follow_up.stepfunctions)
    else:
        record = held_by(ended, records)
        due = aftermath(record, ended) if record else None
    if record is None or due is None:
        known = records.find(ended.environment) if ended.environment else None
        if ended.is_unanswered(known) and (again := ended.once_more()):
            started = follow_up.start(again).name
            return {"status": "RETRIED", "execution": ended.arn, "started": started}
        if ended.is_unanswered(known):
            raise UnansweredRequestError(f"{ended.name}: {ended.why}")
        return {"status": "NOTHING_TO_DO", "execution": ended.arn}
    logger.append_keys(environment=record.environment, generation=record.generation)
    try:
        followed = follow_up(due, record, now)
    except SupersededError as error:
        return {"status": "NOTHING_TO_DO", "execution": ended.arn, "reason": str(error)}
    return {
        "status": "FOLLOWED_UP",
        "execution": ended.arn,
        "environment": record.environment,
        "started": followed.started,
    }


def redeployed(
    ended: Ended, records: Records, stepfunctions: SFNClient
) -> tuple[Record | None, Aftermath | None]:
    """The record is held by the create that the redeploy started."""
    record = records.find(ended.environment) if ended.environment else None
    if record is None:
        return None, None
    runs = record.status is Status.CREATING and executions.is_running(
        stepfunctions, record.execution
    )
    return record, after_redeploy(record, ended, runs)


def held_by(ended: Ended, records: Records) -> Record | None:
    """The record that the execution holds or last held; its input only says which to try first."""
    if ended.environment:
        record = records.find(ended.environment)
        if record and record.execution == ended.arn:
            return record
    for summary in records.listed():
        if summary.execution == ended.arn:
            return records.find(summary.environment)
    return None


@step
def handler(event: Event) -> Event:
    follow_up = FollowUp(
        records(),
        {name: machine_arn(name) for name in MACHINES},
        clients.stepfunctions(),
        event_bus(),
    )
    machine = machine_arn("redeploy_environment")
    return follow_up_execution(event, clock.now(), machine, records(), follow_up)
