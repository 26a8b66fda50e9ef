"""What the record becomes when an execution takes the environment, and what the execution then
knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bivouac import times
from bivouac.environment import lease, wait_times
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.decisions import Take
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb, followed
from bivouac.environment.record import GONE, Record, Status
from bivouac.errors import InvalidRequestError
from bivouac.json_types import Json

_MATTERS = {Verb.CREATE: (LIFECYCLE,), Verb.WAKE: (POWER,)}
"""What an intent is about; a redeploy's intent is stored with its changes."""


def taken(
    execution: str,
    instruction: Instruction,
    blueprint: Blueprint,
    record: Record | None,
    decision: Take,
    now: datetime,
) -> Record:
    """The new record, which replaces the one that was found."""
    verb, intent = instruction.verb, instruction.intent
    return Record(
        environment=blueprint.environment,
        generation=decision.generation,
        status=_status(record, blueprint, verb, intent),
        execution=execution,
        request_hash=blueprint.request_hash,
        blueprint=blueprint.to_json(),
        expires_at=times.timestamp(_end(record, blueprint, verb, intent, now)),
        settle=decision.settle,
        verb=verb,
        request=instruction.request,
        base_request=instruction.base,
        changes=instruction.changes,
        intents=followed(record.intents if record else {}, _MATTERS.get(verb, ()), intent),
        office_hours=blueprint.schedule is not None or _may_have_office_hours(record),
        good_base_request=record.good_base_request if record else "",
        created_at=there.created_at if (there := existing(record)) else times.timestamp(now),
    )


_WHILE = {Verb.SLEEP: Status.FALLING_ASLEEP, Verb.DELETE: Status.DELETING}


def taken_over(
    record: Record, execution: str, decision: Take, verb: Verb, intents: Mapping[str, Intent]
) -> Record:
    """The record while a sleep or a deletion holds it."""
    return replace(
        record.gone_back if decision.back else record,
        generation=decision.generation,
        status=_WHILE[verb],
        execution=execution,
        settle=decision.settle,
        verb=verb,
        intents=intents,
    )


def _status(record: Record | None, blueprint: Blueprint, verb: Verb, intent: Intent) -> Status:
    """What the environment becomes when it is taken."""
    if record and _goes_on_resting(record, blueprint, verb, intent):
        return record.status
    first_up = blueprint.schedule is not None and blueprint.schedule["begin"] == "up"
    if verb is Verb.CREATE and first_up and not existing(record):
        return Status.SCHEDULED
    return Status.CREATING


def _goes_on_resting(record: Record, blueprint: Blueprint, verb: Verb, intent: Intent) -> bool:
    """Whether it stays asleep or scheduled: a redeploy wakes nothing, and nor does a create that
    was meant before the environment was put to rest. Its request runs after the next up, if there
    is one."""
    if record.status not in (Status.ASLEEP, Status.SCHEDULED):
        return False
    if verb is not Verb.CREATE:
        return verb is Verb.REDEPLOY
    rested = record.intents.get(POWER)
    if rested is None or rested < intent:
        return False
    return record.status is Status.ASLEEP or blueprint.schedule is not None


def _end(
    record: Record | None, blueprint: Blueprint, verb: Verb, intent: Intent, now: datetime
) -> datetime:
    """The end of the lease. A create begins one, which an extension that was meant later may
    already have extended. A redeploy renews it, but never shortens it."""
    begun = lease.expires_at(now, blueprint.lease_seconds)
    if record is None:
        return begun
    if verb is Verb.CREATE:
        extension = record.extension
        if extension is None or extension.asked_at <= intent.at:
            return begun
        return max(begun, extension.capped_end(blueprint.longest_lease_seconds))
    known = times.moment(record.expires_at)
    return max(known, begun) if verb is Verb.REDEPLOY else known


def existing(record: Record | None) -> Record | None:
    """The record; None if nothing of the environment exists: it never did, or a receipt says that
    it is gone."""
    return None if record is None or record.status in GONE else record


def _may_have_office_hours(record: Record | None) -> bool:
    """Earlier office hours are still armed, unless a receipt says that they are gone."""
    return record is not None and record.status is not Status.DELETED and record.office_hours


def opened(
    held: Record, blueprint: Blueprint, now: datetime, begins: datetime, started_at: str
) -> Json:
    """Open environment's answer when services are to be created. `begins`: when the next step may.

    However long the step waited for another execution, the deadline counts from its start, too."""
    latest = times.moment(started_at) + timedelta(seconds=wait_times.LONGEST_CREATE)
    deadline = min(begins + timedelta(seconds=blueprint.ready_seconds), latest)
    return {
        "status": "OPEN",
        "environment": held.environment,
        "generation": held.generation,
        # What was proven before is worth more than what it costs to keep.
        "onFailure": "keep" if held.proven else blueprint.on_failure,
        # If an up fails, the next one creates the environment again.
        "keepSchedule": held.verb is Verb.WAKE,
        "openedAt": times.timestamp(now),
        "deadline": times.timestamp(deadline),
        "latestAnswer": times.timestamp(deadline + timedelta(seconds=wait_times.LAST_ANSWER)),
        "expiresAt": held.expires_at,
    }


def kept(held: Record) -> str:
    """Its status when there is nothing to create now."""
    return "KEPT" if held.status is Status.ASLEEP else "SCHEDULED"


_OF_ONE_LIFE = ("edges", "expected", "taskDefinitions", "namespaceArn", "readyAt")


def forgotten(record: Record | None, verb: Verb) -> tuple[str, ...]:
    """Details of earlier executions that do not apply to this one.

    The reason for a roll-back stays readable."""
    made = () if existing(record) else _OF_ONE_LIFE
    failure = () if verb is Verb.ROLL_BACK else ("failure",)
    return (*failure, "proof", "receipt", *made)


def keep_the_namespace(record: Record | None, blueprint: Blueprint) -> None:
    """A deletion finds only the namespace in the record; another one would be left behind."""
    there = existing(record)
    if there and (namespace := there.blueprint["namespace"]) != blueprint.namespace:
        raise InvalidRequestError(
            [
                f"namespace: the environment {blueprint.environment} has {namespace!r}, and its "
                f"services cannot move to {blueprint.namespace!r}; delete the environment first"
            ]
        )
