"""Open environment: the record and its schedules exist before the first resource.

Where nothing is to be made now, it is the end: what is asleep keeps what it will wake as, and what
begins with its schedule waits for it.

Repeating it is safe: the record is taken by a conditional write, and whoever finds it taken by
itself goes on. A create that is superseded is stopped, and its last function is waited out. Killed
between the record and the schedules of what exists already, the old expiry still fires, and arms
the one that holds (close_environment).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bivouac import clock, times
from bivouac.aws import clients, executions
from bivouac.aws.environments_table import Records
from bivouac.aws.scheduler import Schedules
from bivouac.environment import lease, service_changes, wait_times
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb, followed
from bivouac.environment.record import (
    GONE,
    Follow,
    Leave,
    Record,
    Replan,
    Status,
    Take,
    opening,
    text_of,
)
from bivouac.errors import InvalidRequestError
from bivouac.observability import Event, logger, step
from bivouac.settings import StackSettings
from bivouac.stack import records, schedules

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

NEVER = 0
"""No record has this generation."""
_MATTERS = {Verb.CREATE: (LIFECYCLE,), Verb.WAKE: (POWER,)}
"""What an intent is about; a redeploy's stands with what it changes."""


def open_environment(
    event: Event,
    now: datetime,
    settle_seconds: int,
    records: Records,
    schedules: Schedules,
    stepfunctions: SFNClient,
) -> Event:
    """`status` OPEN with what the next states need, WAIT with the input to try again with, CHANGED
    where the request is to be checked again, OUTDATED, or KEPT and SCHEDULED: nothing is to be made
    now."""
    blueprint = Blueprint.from_json(event["plan"])
    execution, instruction = event["execution"], Instruction.from_json(event["instruction"])
    verb = instruction.verb
    record = records.find(blueprint.environment)
    runs = executions.another_holds(stepfunctions, record, execution)
    decision = opening(
        record,
        execution,
        blueprint.request_hash,
        runs,
        instruction.intent,
        verb,
        _based_on(record, instruction),
        _closed(record, blueprint, verb, records),
    )
    if verb is Verb.WAKE and record and _is_over(record, now) and isinstance(decision, Take):
        decision = Leave(f"its lease ended at {record.expires_at}")
    match decision:
        case Follow():
            return _wait(event, wait_times.ANOTHER_EXECUTION, settled=False)
        case Leave(reason):
            logger.info("outdated", reason=reason)
            return {"status": "OUTDATED", "environment": blueprint.environment, "reason": reason}
        case Replan():
            return {"status": "CHANGED", "environment": blueprint.environment}
    held, unknown = record, record is None
    if isinstance(decision, Take):
        _keep_the_namespace(record, blueprint)
        unknown = record is None or record.status is Status.DELETED
        held = _taken(execution, instruction, blueprint, record, decision, now)
        records.take(held, record, forget=_outdated(record, verb))
        if decision.stop:
            executions.stop(stepfunctions, decision.stop, f"superseded by {execution}")
    if held is None:
        raise ValueError(f"{blueprint.environment} is held and has no record")
    schedules.arm(blueprint, times.moment(held.expires_at), now, fresh=unknown)
    if held.settle and not event["settled"]:
        return _wait(event, settle_seconds, settled=True)
    if held.status is not Status.CREATING:
        return _nothing_now(held)
    latest = times.moment(event["startedAt"]) + timedelta(seconds=wait_times.LONGEST_CREATE)
    fresh = isinstance(decision, Take) and _is_fresh(record) and not instruction.there
    return _opened(held, blueprint, now, latest, fresh=fresh)


def _taken(
    execution: str,
    instruction: Instruction,
    blueprint: Blueprint,
    record: Record | None,
    decision: Take,
    now: datetime,
) -> Record:
    """The record of what begins now, in place of the one that was found."""
    verb, intent = instruction.verb, instruction.intent
    return Record(
        environment=blueprint.environment,
        generation=decision.generation,
        status=_status(record, blueprint, verb, intent),
        execution=execution,
        request_hash=blueprint.request_hash,
        blueprint=text_of(blueprint.to_json()),
        expires_at=times.timestamp(_end(record, blueprint, verb, intent, now)),
        settle=decision.settle,
        verb=verb,
        request=instruction.request,
        base_request=instruction.base,
        changes=instruction.changes,
        intents=followed(record.intents if record else {}, _MATTERS.get(verb, ()), intent),
        office_hours=blueprint.schedule is not None or _may_have_office_hours(record),
        good_base_request=record.good_base_request if record else "",
        created_at=times.timestamp(now)
        if record is None or _is_fresh(record)
        else record.created_at,
    )


def _opened(
    held: Record, blueprint: Blueprint, now: datetime, latest: datetime, *, fresh: bool
) -> Event:
    """`latest`: the deadline is no later, however long it waited for another execution."""
    deadline = min(now + timedelta(seconds=blueprint.ready_seconds), latest)
    return {
        "status": "OPEN",
        "environment": held.environment,
        "generation": held.generation,
        "fresh": fresh,
        "progress": {
            "status": "FOUNDATION",
            "namespaceArn": None,
            "expected": [],
            "blocked": [],
            "going": [],
            "healthy": [],
            "changed": True,
            "patienceSeconds": blueprint.ready_seconds,
        },
        # What was proven before is worth more than the room that it takes.
        "onFailure": "keep" if held.proven else blueprint.on_failure,
        # What failed at its up is created anew by the next one.
        "keepSchedule": held.verb is Verb.WAKE,
        "openedAt": times.timestamp(now),
        "deadline": times.timestamp(deadline),
        "latestAnswer": times.timestamp(deadline + timedelta(seconds=wait_times.LAST_ANSWER)),
        "expiresAt": held.expires_at,
    }


def _based_on(record: Record | None, instruction: Instruction) -> int | None:
    """The generation whose request the plan was made of; None for a create, whose request is its
    own, as long as it was planned with the redeploys that the record knows now."""
    if instruction.verb is not Verb.CREATE:
        return instruction.based_on
    known = service_changes.newest(record.changes, (), since=instruction.intent) if record else {}
    return None if known == instruction.changes else NEVER


def _closed(
    record: Record | None, blueprint: Blueprint, verb: Verb, records: Records
) -> Intent | None:
    """When it was deleted, or its pull request closed, which may have been told before this."""
    if verb is not Verb.CREATE:
        return None
    named = blueprint.triggers.get("pullRequest")
    found = (
        records.closed(named["repository"], named["number"]) if named else None,
        records.deleted(blueprint.environment) if record is None else None,
    )
    return max((each for each in found if each), default=None)


def _status(record: Record | None, blueprint: Blueprint, verb: Verb, intent: Intent) -> Status:
    """What the environment becomes when it is taken."""
    if record and _goes_on_resting(record, blueprint, verb, intent):
        return record.status
    first_up = blueprint.schedule is not None and blueprint.schedule["begin"] == "up"
    if verb is Verb.CREATE and first_up and (record is None or record.status in GONE):
        return Status.SCHEDULED
    return Status.CREATING


def _goes_on_resting(record: Record, blueprint: Blueprint, verb: Verb, intent: Intent) -> bool:
    """A redeploy wakes nothing, nor does a create that was meant before the environment was put to
    rest: what it asks for runs after the next up, where there is one."""
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
    """A create begins a lease, which an extension that was meant later has extended already. A
    redeploy renews it, and never shortens what was extended."""
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


def _is_over(record: Record, now: datetime) -> bool:
    return times.moment(record.expires_at) <= now


def _nothing_now(held: Record) -> Event:
    return {
        "status": "KEPT" if held.status is Status.ASLEEP else "SCHEDULED",
        "environment": held.environment,
        "generation": held.generation,
        "expiresAt": held.expires_at,
    }


def _is_fresh(record: Record | None) -> bool:
    """Nothing of the environment is there: it never was, or a receipt says that it is gone."""
    return record is None or record.status in GONE


def _may_have_office_hours(record: Record | None) -> bool:
    """What it had is still armed, unless a receipt says that it is gone."""
    return record is not None and record.status is not Status.DELETED and record.office_hours


_OF_ONE_LIFE = ("edges", "expected", "taskDefinitions", "namespaceArn", "readyAt")


def _outdated(record: Record | None, verb: Verb) -> tuple[str, ...]:
    """What earlier executions found that does not hold for this one.

    Why an environment was rolled back stays to be read."""
    made = _OF_ONE_LIFE if _is_fresh(record) else ()
    failure = () if verb is Verb.ROLL_BACK else ("failure",)
    return (*failure, "proof", "receipt", *made)


def _keep_the_namespace(record: Record | None, blueprint: Blueprint) -> None:
    """A deletion looks for the namespace that the record names; another would be left behind."""
    if _is_fresh(record) or record is None:
        return
    namespace = json.loads(record.blueprint)["namespace"]
    if namespace != blueprint.namespace:
        raise InvalidRequestError(
            [
                f"namespace: the environment {blueprint.environment} has {namespace!r}, and its "
                f"services cannot move to {blueprint.namespace!r}; delete the environment first"
            ]
        )


def _wait(event: Event, seconds: int, *, settled: bool) -> Event:
    return {**event, "status": "WAIT", "waitSeconds": seconds, "settled": settled}


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    return open_environment(
        event,
        clock.now(),
        stack.settle_seconds,
        records(),
        schedules(),
        clients.stepfunctions(),
    )
