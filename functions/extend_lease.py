"""Extend lease: gives an environment a later end, up to its cap; never an earlier one.

The record is written first, then the schedules: if the step is killed in between, the old expiry
fires, is outdated, and arms the right one (close_environment). Repeating it is safe: the end counts
from the time of the intent, and the schedules are armed even if the lease already has that end.
"""

from __future__ import annotations

from datetime import datetime

from bivouac import clock, times
from bivouac.aws.environments_table import Records
from bivouac.aws.scheduler import Schedules
from bivouac.commands import inputs
from bivouac.environment import intents
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Intent
from bivouac.environment.lease import Extension
from bivouac.environment.record import Record, leased
from bivouac.errors import InvalidRequestError, LeaseChangedError
from bivouac.observability import Event, logger, step
from bivouac.stack import records, schedules


def extend_lease(event: Event, now: datetime, records: Records, schedules: Schedules) -> Event:
    """`status` EXTENDED, or UNCHANGED with the `reason`, and when the lease ends.

    Raises InvalidRequestError, EnvironmentNotFoundError, LeaseChangedError."""
    request = event["request"]
    inputs.require(inputs.EXTENSION, request, now)
    intent = inputs.intent_of(request, event)
    record = leased(records.find(request["environment"]), request["environment"])
    if reason := _outdated(record, intent, request.get("generation")):
        return _answer("UNCHANGED", record, record.expires_at, reason)
    blueprint = Blueprint.from_json(record.content)
    ttl = request.get("ttl")
    asked = Extension(intent.at, times.duration_seconds(ttl) if ttl else None)
    try:
        end = asked.end(blueprint.longest_lease_seconds)
    except ValueError as error:
        raise InvalidRequestError([f"ttl: {error}"]) from None
    present = times.moment(record.expires_at)
    if end > present:
        _require_expected(record, request.get("expectedExpiresAt"))
    newest = _newest(asked, record.extension)
    if end > present or newest != record.extension:
        records.extend(record, times.timestamp(max(end, present)), newest)
    schedules.arm(blueprint, max(end, present), now)
    if end > present:
        logger.info("lease extended", environment=record.environment, until=times.timestamp(end))
        return _answer("EXTENDED", record, times.timestamp(end), "")
    reason = "it already ends at that time or later, and an extension does not shorten it"
    return _answer("UNCHANGED", record, record.expires_at, reason)


def _outdated(record: Record, intent: Intent, generation: int | None) -> str:
    """Leases have no matter of their own: in whatever order extensions arrive, the latest end
    holds."""
    life = record.intents.get(intents.LIFECYCLE)
    if life is not None and intent <= life:
        return "a later creation or deletion was followed before"
    if generation is not None and generation != record.generation:
        return f"generation {record.generation} took over from {generation}"
    return ""


def _newest(asked: Extension, known: Extension | None) -> Extension:
    return known if known is not None and known.asked_at >= asked.asked_at else asked


def _require_expected(record: Record, expected: str | None) -> None:
    if expected is not None and times.moment(expected) != times.moment(record.expires_at):
        raise LeaseChangedError(
            f"the lease of {record.environment} ends at {record.expires_at}, not at {expected} as "
            "expected: someone has changed it since; check it, then try again"
        )


def _answer(status: str, record: Record, expires_at: str, reason: str) -> Event:
    return {
        "status": status,
        "environment": record.environment,
        "generation": record.generation,
        "expiresAt": expires_at,
        "reason": reason,
    }


@step
def handler(event: Event) -> Event:
    return extend_lease(event, clock.now(), records(), schedules())
