"""Open environment: the record and the expiry schedule exist before the first resource.

Repeating it is safe: the record is taken by a conditional write, and whoever finds it taken by
itself goes on. A create that is superseded is stopped, and its last function is waited out.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bivouac import lease, pace
from bivouac.aws import clients, executions, schedules
from bivouac.aws.holding import records
from bivouac.aws.records import Records
from bivouac.blueprint import Blueprint
from bivouac.errors import InvalidRequestError
from bivouac.observability import Event, step
from bivouac.record import Follow, Record, Status, Take, opening
from bivouac.settings import ExpirySettings, StackSettings

if TYPE_CHECKING:
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_stepfunctions import SFNClient

_HOLDS = (Status.CREATING, Status.DELETING)


def open_environment(
    event: Event,
    now: datetime,
    settle_seconds: int,
    records: Records,
    schedule_settings: ExpirySettings,
    scheduler: EventBridgeSchedulerClient,
    stepfunctions: SFNClient,
) -> Event:
    """`status` OPEN with what the next states need, or WAIT with the input to try again with."""
    blueprint = Blueprint.from_json(event["plan"])
    execution = event["execution"]
    record = records.find(blueprint.environment)
    runs = bool(
        record
        and record.status in _HOLDS
        and record.execution != execution
        and executions.is_running(stepfunctions, record.execution)
    )
    decision = opening(record, execution, blueprint.request_hash, runs)
    if isinstance(decision, Follow):
        return _wait(event, pace.ANOTHER_EXECUTION, settled=False)
    ends = lease.expires_at(now, blueprint.lease_seconds)
    settle = bool(record and record.settle)
    if isinstance(decision, Take):
        _keep_the_namespace(record, blueprint)
        settle = decision.settle
        taken = Record(
            environment=blueprint.environment,
            generation=decision.generation,
            status=Status.CREATING,
            execution=execution,
            request_hash=blueprint.request_hash,
            blueprint=json.dumps(event["plan"]),
            expires_at=lease.timestamp(ends),
            settle=settle,
        )
        records.take(taken, record, forget=_outdated(record))
        if decision.stop:
            executions.stop(stepfunctions, decision.stop, f"superseded by {execution}")
    elif record:
        ends = lease.moment(record.expires_at)
    schedules.arm(scheduler, schedule_settings, blueprint.environment, ends, "lease expired")
    if settle and not event["settled"]:
        return _wait(event, settle_seconds, settled=True)
    return {
        "status": "OPEN",
        "environment": blueprint.environment,
        "generation": decision.generation,
        "fresh": isinstance(decision, Take) and _is_fresh(record),
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
        "onFailure": blueprint.on_failure,
        "openedAt": lease.timestamp(now),
        "deadline": lease.timestamp(now + timedelta(seconds=blueprint.ready_seconds)),
        "expiresAt": lease.timestamp(ends),
    }


def _is_fresh(record: Record | None) -> bool:
    """Nothing of the environment is there: it never was, or a receipt says that it is gone."""
    return record is None or record.status is Status.DELETED


def _outdated(record: Record | None) -> tuple[str, ...]:
    """What earlier executions found that does not hold for this one."""
    made = ("edges", "taskDefinitions", "namespaceArn") if _is_fresh(record) else ()
    return ("failure", "proof", "receipt", *made)


def _keep_the_namespace(record: Record | None, blueprint: Blueprint) -> None:
    """A deletion looks for the namespace that the record names; another would be left behind."""
    if record is None or record.status is Status.DELETED:
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
        datetime.now(UTC),
        stack.settle_seconds,
        records(),
        ExpirySettings.from_env(),
        clients.scheduler(),
        clients.stepfunctions(),
    )
