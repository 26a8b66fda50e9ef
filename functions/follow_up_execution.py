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

from bivouac import clock
from bivouac.aws import clients
from bivouac.errors import SupersededError, UnansweredRequestError
from bivouac.observability import Event, logger, step
from bivouac.stack import event_bus, records
from bivouac.sweep.follow_up import Ended
from bivouac.sweep.start_follow_up import FollowUp


@step
def handler(event: Event) -> Event:
    """`status` FOLLOWED_UP or RETRIED with what was `started`, or NOTHING_TO_DO: the execution no
    longer held anything.

    Raises UnansweredRequestError."""
    follow_up = FollowUp(records(), clients.stepfunctions(), event_bus())
    ended = Ended.of(event["detail"])
    if not ended.content:  # it was too large for the event
        ended = follow_up.described(ended.arn) or ended
    record, due = follow_up.due(ended)
    if record is None or due is None:
        return _retried(ended, follow_up)
    logger.append_keys(environment=record.environment, generation=record.generation)
    try:
        followed = follow_up(due, record, clock.now())
    except SupersededError as error:
        return {"status": "NOTHING_TO_DO", "execution": ended.arn, "reason": str(error)}
    return {
        "status": "FOLLOWED_UP",
        "execution": ended.arn,
        "environment": record.environment,
        "started": followed.started,
    }


def _retried(ended: Ended, follow_up: FollowUp) -> Event:
    if not ended.is_unanswered(follow_up.named_by(ended)):
        return {"status": "NOTHING_TO_DO", "execution": ended.arn}
    again = ended.once_more()
    if again is None:
        raise UnansweredRequestError(f"{ended.name}: {ended.why}")
    started = follow_up.start(again).name
    return {"status": "RETRIED", "execution": ended.arn, "started": started}
