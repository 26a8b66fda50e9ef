"""The published events: one constructor for each. Pure.

Each is a part of the status document, with what the event alone says. EventBridge delivers at least
once and in any order. An event's `id` is derived from what it is about, so a step that runs twice
publishes the same event twice; `generation` orders an environment's lives. docs/events.md describes
the fields; events/out has a sample of each.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bivouac import times
from bivouac.environment import naming
from bivouac.environment.event import DetailType, EnvironmentEvent, Subject
from bivouac.environment.record import Record
from bivouac.json_types import Json
from bivouac.status.diagnosis import diagnosis
from bivouac.status.document import environment, proven
from bivouac.status.receipt import receipt

LIMIT = 240_000
"""Bytes of a detail. PutEvents takes less than 256 KB with everything around it
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html)."""


def of_record(detail_type: DetailType, record: Record, now: datetime) -> EnvironmentEvent:
    """What became of an environment, as the step that wrote the record publishes it.

    Raises ValueError if it is another kind of event."""
    part = ""
    match detail_type:
        case DetailType.READY:
            content, listed = proven(record, record.planned), "edges"
        case DetailType.FAILED | DetailType.DEGRADED:
            part, listed = "diagnosis", "verdicts"
            content = {part: diagnosis(record.failure)}
        case DetailType.DELETED | DetailType.NOT_DELETED:
            part, listed = "receipt", "items"
            content = {part: receipt(record)}
        case _:
            raise ValueError(f"no record has an event {detail_type}")
    # Each time that an environment is degraded is an event of its own
    again = [record.failure["since"]] if detail_type is DetailType.DEGRADED else []
    event = _event(detail_type, record, now, *again, **content)
    _cut(event.detail, event.detail[part] if part else event.detail, listed)
    return event


def _cut(detail: Json, whole: Json, listed: str) -> None:
    """Leaves as many entries of the list as fit; `omitted` is the number of the others. The record
    has all.

    The other fields are already bounded: a cause has at most 14,000 characters."""
    entries, whole[listed] = whole[listed], []
    detail["omitted"] = len(entries)
    room = LIMIT - _bytes(detail)
    for entry in entries:
        room -= _bytes(entry) + len(", ")
        if room < 0:
            return
        whole[listed].append(entry)
        detail["omitted"] -= 1


def expiring(
    record: Record, now: datetime, warning_seconds: int, extend_machine_arn: str
) -> EnvironmentEvent:
    """The lease ends soon. `warning_seconds`: how long before its end the warning was due.

    `extendWith` is a command that extends the lease, unless it has been extended since."""
    content = {
        "environment": record.environment,
        "keep": True,
        "expectedExpiresAt": record.expires_at,
    }
    command = (
        f"aws stepfunctions start-execution --state-machine-arn {extend_machine_arn} "
        f"--input '{json.dumps(content)}'"
    )
    return _event(
        DetailType.EXPIRING,
        record,
        now,
        record.expires_at,
        warning_seconds,
        warningSeconds=warning_seconds,
        extendWith=command,
    )


def orphan_found(
    subject: Subject, *, kind: str, name: str, arn: str, because: str, goes_at: str
) -> EnvironmentEvent:
    """A resource of ours without a record. `goes_at`: when it will be deleted."""
    return _of_sweep(
        DetailType.ORPHAN_FOUND,
        subject,
        kind,
        arn,
        resource={"kind": kind, "name": name, "arn": arn},
        because=because,
        goesAt=goes_at,
    )


def leak_repaired(
    subject: Subject, *, leak: str, name: str, repair: str, since: str
) -> EnvironmentEvent:
    """A sweep repaired something that nothing else would have.

    `leak` and `repair` say what was wrong and what was done. `since` is when it was first seen,
    so that the repair of another leak with the same name is another event."""
    return _of_sweep(
        DetailType.LEAK_REPAIRED,
        subject,
        leak,
        name,
        since,
        resource={"name": name},
        leak=leak,
        repair=repair,
        since=since,
    )


def _event(
    detail_type: DetailType,
    record: Record,
    now: datetime,
    *distinguished_by: object,
    **content: Any,
) -> EnvironmentEvent:
    about = environment(record, record.planned)
    subject = Subject(record.environment, record.generation, now)
    return _of(detail_type, subject, distinguished_by, about | content)


def _of_sweep(
    detail_type: DetailType, subject: Subject, *distinguished_by: object, **content: Any
) -> EnvironmentEvent:
    """Where no record says what the environment is."""
    about = {"name": subject.environment, "generation": subject.generation}
    return _of(detail_type, subject, distinguished_by, about | content)


def _of(
    detail_type: DetailType, subject: Subject, distinguished_by: tuple[object, ...], content: Json
) -> EnvironmentEvent:
    """`distinguished_by`: what else tells apart two events of one type and one generation."""
    named = (detail_type, subject.environment, subject.generation, *distinguished_by)
    head = {"id": naming.token(*named), "observedAt": times.timestamp(subject.at)}
    return EnvironmentEvent(detail_type, head | content)


def _bytes(content: Any) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode())
