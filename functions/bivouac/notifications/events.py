"""The published events: one constructor for each, which is also its schema. Pure.

EventBridge delivers at least once and in any order. An event's `id` is derived from what it is
about, so a step that runs twice publishes the same event twice; `generation` orders an
environment's lives. docs/events.md describes the fields; events/out has a sample of each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bivouac import times
from bivouac.environment import naming

if TYPE_CHECKING:
    from bivouac.deletion.receipt import Item
from bivouac.environment.event import DetailType, EnvironmentEvent, Subject

LIMIT = 240_000
"""Bytes of a detail. PutEvents takes less than 256 KB with everything around it
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html)."""


def ready(
    subject: Subject,
    *,
    cluster: str,
    namespace: str,
    expires_at: str,
    services: Sequence[str],
    edges: Sequence[str],
) -> EnvironmentEvent:
    """Everything requested is proven. `edges`: the names of the proven ones."""
    event = _event(
        DetailType.READY,
        subject,
        cluster=cluster,
        namespace=namespace,
        expiresAt=expires_at,
        services=list(services),
        edges=list(edges),
    )
    return _bounded(event, "edges")


def failed(subject: Subject, failure: Mapping[str, Any]) -> EnvironmentEvent:
    """A create failed. `failure`: in the form of the record."""
    return _bounded(_event(DetailType.FAILED, subject, **_diagnosis(failure)), "verdicts")


def degraded(subject: Subject, failure: Mapping[str, Any], since: str) -> EnvironmentEvent:
    """A READY environment no longer is. `since`: when that was first seen; each time is an event of
    its own."""
    event = _event(DetailType.DEGRADED, subject, since, since=since, **_diagnosis(failure))
    return _bounded(event, "verdicts")


def expiring(
    subject: Subject, expires_at: str, warning_seconds: int, extend_machine_arn: str
) -> EnvironmentEvent:
    """The lease ends soon. `warning_seconds`: how long before its end the warning was due.

    `extendWith` is a command that extends the lease, unless it has been extended since."""
    content = {
        "environment": subject.environment,
        "keep": True,
        "expectedExpiresAt": expires_at,
    }
    command = (
        f"aws stepfunctions start-execution --state-machine-arn {extend_machine_arn} "
        f"--input '{json.dumps(content)}'"
    )
    return _event(
        DetailType.EXPIRING,
        subject,
        expires_at,
        warning_seconds,
        expiresAt=expires_at,
        warningSeconds=warning_seconds,
        extendWith=command,
    )


def deleted(subject: Subject, receipt: Mapping[str, Any]) -> EnvironmentEvent:
    """Nothing is left; the receipt lists the outcome for each resource."""
    event = _event(DetailType.DELETED, subject, items=list(receipt["items"]))
    return _bounded(event, "items")


def not_deleted(subject: Subject, left: Sequence[Item], tries_again_at: str) -> EnvironmentEvent:
    """A deletion ended with something left; it will be retried."""
    event = _event(
        DetailType.NOT_DELETED,
        subject,
        triesAgainAt=tries_again_at,
        left=[item.to_json() for item in left],
    )
    return _bounded(event, "left")


def orphan_found(
    subject: Subject, *, kind: str, name: str, arn: str, reason: str, goes_at: str
) -> EnvironmentEvent:
    """A resource of ours without a record. `goes_at`: when it will be deleted."""
    return _event(
        DetailType.ORPHAN_FOUND,
        subject,
        kind,
        arn,
        kind=kind,
        name=name,
        arn=arn,
        reason=reason,
        goesAt=goes_at,
    )


def leak_repaired(
    subject: Subject, *, leak: str, name: str, repair: str, found_at: str
) -> EnvironmentEvent:
    """A sweep repaired something that nothing else would have.

    `leak` and `repair` say what was wrong and what was done. `found_at` is when it was first seen,
    so that the repair of another leak with the same name is another event."""
    return _event(
        DetailType.LEAK_REPAIRED,
        subject,
        leak,
        name,
        found_at,
        leak=leak,
        name=name,
        repair=repair,
        foundAt=found_at,
    )


def _event(
    detail_type: DetailType, subject: Subject, *distinguished_by: object, **content: Any
) -> EnvironmentEvent:
    """`distinguished_by`: what else tells apart two events of one type and one generation."""
    named = (detail_type, subject.environment, subject.generation, *distinguished_by)
    return EnvironmentEvent(
        detail_type,
        {
            "id": naming.token(*named),
            "environment": subject.environment,
            "generation": subject.generation,
            "at": times.timestamp(subject.at),
            **content,
        },
    )


def _diagnosis(failure: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "error": failure["error"],
        "category": failure["category"],
        "cause": failure["cause"],
        "verdicts": [_verdict(entry) for entry in failure["verdicts"]],
    }


def _verdict(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty fields, and named like all other fields."""
    named = {"nextStep" if name == "next_step" else name: value for name, value in entry.items()}
    return {name: value for name, value in named.items() if value}


def _bounded(event: EnvironmentEvent, listed: str) -> EnvironmentEvent:
    """With as many entries of a list as fit; `omitted` is the number of the others. The record has
    all.

    The other fields are already bounded: a cause has at most 14,000 characters."""
    rest = {**event.detail, listed: [], "omitted": 0}
    room = LIMIT - _bytes(rest)
    kept: list[Any] = []
    for entry in event.detail[listed]:
        room -= _bytes(entry) + len(", ")
        if room < 0:
            break
        kept.append(entry)
    omitted = len(event.detail[listed]) - len(kept)
    return EnvironmentEvent(event.detail_type, {**rest, listed: kept, "omitted": omitted})


def _bytes(content: Any) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode())
