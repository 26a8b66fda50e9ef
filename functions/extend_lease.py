"""Extend lease: gives an environment a later end, up to its cap; never an earlier one.

The record is written first, then the schedules: if the step is killed in between, the old expiry
fires, is outdated, and arms the right one (close_environment). Repeating it is safe: the end counts
from the time of the intent, and the schedules are armed even if the lease already has that end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bivouac import clock, times
from bivouac.aws.environments_table import Records
from bivouac.aws.scheduler import Schedules
from bivouac.commands import inputs
from bivouac.environment.decisions import extended, extending
from bivouac.environment.lease import Extension
from bivouac.environment.record import leased
from bivouac.observability import Event, step
from bivouac.stack import records, schedules
from bivouac.status import answers


def extend_lease(event: Event, now: datetime, records: Records, schedules: Schedules) -> Event:
    """The execution's output: DONE, or UNCHANGED and why, and when the lease ends.

    Raises InvalidRequestError, EnvironmentNotFoundError, LeaseChangedError."""
    request = event["request"]
    inputs.require(inputs.EXTENSION, request, now)
    intent = inputs.intent_of(request, event)
    record = leased(records.find(request["environment"]), request["environment"])
    if outdated := extending(record, intent, request.get("generation")):
        return answers.unchanged(record, outdated.reason)
    blueprint, ttl = record.planned, request.get("ttl")
    asked = Extension(intent.at, times.duration_seconds(ttl) if ttl else None)
    expected = request.get("expectedExpiresAt")
    end, newest = extended(record, asked, blueprint.longest_lease_seconds, expected)
    ends_later = end > times.moment(record.expires_at)
    if ends_later or newest != record.extension:
        records.extend(record, times.timestamp(end), newest)
    schedules.arm(blueprint, end, now)
    if ends_later:
        return answers.done(replace(record, expires_at=times.timestamp(end)))
    reason = "it already ends at that time or later, and an extension does not shorten it"
    return answers.unchanged(record, reason)


@step
def handler(event: Event) -> Event:
    return extend_lease(event, clock.now(), records(), schedules())
