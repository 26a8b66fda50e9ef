"""Describe environments: the status document of one environment, or a page of all.

For people, the command line and pipelines. One environment is read as it is now, in its record and
in ECS; a list tells what the records said a moment ago, in one Query. Changes nothing, so asking
again is always safe.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bivouac import clock, times
from bivouac.aws import clients
from bivouac.aws.environments_table import Records
from bivouac.commands.question import Question, token_after
from bivouac.environment.record import found
from bivouac.observability import Event, step
from bivouac.settings import StackSettings
from bivouac.stack import records
from bivouac.status import document
from bivouac.status.live import read_live


def listed(question: Question, prefix: str, now: datetime, records: Records) -> dict[str, Any]:
    """Filters apply to a page, so that it may be empty and have a next one."""
    page, last = records.page(question.limit, question.after)
    return {
        "environments": [
            document.summarised(each, prefix, now) for each in page if question.wants(each)
        ],
        "nextToken": token_after(last) if last else None,
        "observedAt": times.timestamp(now),
    }


@step
def handler(event: Event) -> Event:
    now = clock.now()
    question = Question.of(event, now)
    if question.environment is None:
        return listed(question, StackSettings.from_env().name_prefix, now, records())
    record = found(records().find(question.environment), question.environment)
    live = read_live(record, clients.ecs(), clients.ec2, clients.stepfunctions())
    return document.described(record, live, now)
