"""Follow up execution: does what an execution could not do on its way out.

Step Functions tells when one of ours ended without success. Where it still holds its environment,
the record says so from now on, others are told, and a deletion is started where one is due. Late
and repeated events change nothing: another execution holds the record by then, or what is started
has the same name (W01, W05).

What an event or a schedule asked for, and no execution followed, is put once more where its
execution broke before it had taken anything. What was refused, stopped by somebody or broke twice
is raised, so that it lies with the undelivered events, as what no execution was started for does.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bivouac import clock
from bivouac.aws import clients, executions, stepfunctions_answers
from bivouac.aws.environments_table import Records
from bivouac.environment.record import Record, Status
from bivouac.errors import SupersededError, UnansweredRequestError
from bivouac.observability import Event, logger, step
from bivouac.settings import MACHINES, machine_arn
from bivouac.stack import event_bus, records
from bivouac.sweep.follow_up import Aftermath, Ended, after_redeploy, aftermath
from bivouac.sweep.start_follow_up import FollowUp

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


def follow_up_execution(
    event: Event, now: datetime, redeploy_machine: str, records: Records, follow_up: FollowUp
) -> Event:
    """`status` FOLLOWED_UP or PUT_AGAIN with what was `started`, or NOTHING_LEFT: it held nothing
    any more.

    Raises UnansweredRequestError."""
    ended = Ended.from_event(event)
    if not ended.content and (whole := executions.described(follow_up.stepfunctions, ended.arn)):
        ended = Ended.of(whole)  # its input is too large for an event
    if stepfunctions_answers.execution(event["detail"]).machine_arn == redeploy_machine:
        record, due = redeployed(ended, records, follow_up.stepfunctions)
    else:
        record = held_by(ended, records)
        due = aftermath(record, ended) if record else None
    if record is None or due is None:
        known = records.find(ended.environment) if ended.environment else None
        if ended.is_unanswered(known) and (again := ended.once_more()):
            started = follow_up.start(again).name
            return {"status": "PUT_AGAIN", "execution": ended.arn, "started": started}
        if ended.is_unanswered(known):
            raise UnansweredRequestError(f"{ended.name}: {ended.why}")
        return {"status": "NOTHING_LEFT", "execution": ended.arn}
    logger.append_keys(environment=record.environment, generation=record.generation)
    try:
        followed = follow_up(due, record, now)
    except SupersededError as error:
        return {"status": "NOTHING_LEFT", "execution": ended.arn, "reason": str(error)}
    return {
        "status": "FOLLOWED_UP",
        "execution": ended.arn,
        "environment": record.environment,
        "started": followed.started,
    }


def redeployed(
    ended: Ended, records: Records, stepfunctions: SFNClient
) -> tuple[Record | None, Aftermath | None]:
    """It holds nothing itself: the create that it started does."""
    record = records.find(ended.environment) if ended.environment else None
    if record is None:
        return None, None
    runs = record.status is Status.CREATING and executions.is_running(
        stepfunctions, record.execution
    )
    return record, after_redeploy(record, ended, runs)


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
