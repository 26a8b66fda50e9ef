"""Close environment: raises the generation, so that no running create makes anything any more.

A fence check and the AWS call after it are not one step, so a running create is stopped as well and
its last function waited out. Repeating it is safe; an outdated intent changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bivouac import lease, naming, pace
from bivouac.aws import clients, executions
from bivouac.aws.holding import records
from bivouac.aws.records import Records
from bivouac.errors import InvalidRequestError
from bivouac.intents import LIFE, Intent, Verb, followed
from bivouac.observability import Event, logger, step
from bivouac.record import HELD, Follow, Leave, Status, Take, closing
from bivouac.settings import StackSettings

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

_BEGUN_BEFORE = (Status.DELETING, Status.NOT_DELETED, Status.DELETED, Status.SCHEDULED)
"""A deletion was at work: what the record says was registered need not be there any more."""
_FIELDS = {
    "environment": str,
    "reason": str,
    "generation": int,
    "expiresAt": str,
    "intent": dict,
    "keepSchedule": bool,
}
_KINDS = {int: "a number", str: "a text", bool: "true or false", dict: "an object with id and at"}


def problems(request: Event) -> list[str]:
    """Everything that is wrong with the input of delete_environment."""
    found = [f"{name}: unknown field" for name in request if name not in _FIELDS]
    for name, kind in _FIELDS.items():
        if name in request and type(request[name]) is not kind:
            found.append(f"{name}: must be {_KINDS[kind]}")
    if isinstance(intent := request.get("intent"), dict):
        found += _intent_problems(intent)
    environment = request.get("environment")
    if environment is None:
        found.append("environment: required, and missing")
    elif isinstance(environment, str) and not naming.is_environment_name(environment):
        found.append(f"environment: {environment!r} is not an environment name")
    if isinstance(expires_at := request.get("expiresAt"), str):
        try:
            lease.moment(expires_at)
        except ValueError as error:
            found.append(f"expiresAt: {error}")
    return found


def _intent_problems(intent: Event) -> list[str]:
    found = [f"intent.{name}: unknown field" for name in intent if name not in ("id", "at")]
    found += [
        f"intent.{name}: required, and a text"
        for name in ("id", "at")
        if not isinstance(intent.get(name), str)
    ]
    if not found:
        try:
            lease.moment(intent["at"])
        except ValueError as error:
            found.append(f"intent.at: {error}")
    return found


def close_environment(
    event: Event,
    now: datetime,
    settle_seconds: int,
    records: Records,
    stepfunctions: SFNClient,
) -> Event:
    """`status` CLOSED with the empty receipt, OUTDATED, or WAIT with the input to try again."""
    request, settled, recorded = event["request"], False, False
    if isinstance(request, dict) and request.keys() >= {"settled", "recorded", "request"}:
        # This step's own answer, after a wait
        settled, recorded, request = (request[name] for name in ("settled", "recorded", "request"))
    if not isinstance(request, dict):
        raise InvalidRequestError(["the input must be an object with the field environment"])
    if found := problems(request):
        raise InvalidRequestError(found)
    environment, execution = request["environment"], event["execution"]
    started = {"id": execution, "at": event["startedAt"]}
    intent = Intent.from_json(request.get("intent", started))
    record = records.find(environment)
    runs = bool(
        record
        and record.status in HELD
        and record.execution != execution
        and executions.is_running(stepfunctions, record.execution)
    )
    decision = closing(
        record,
        execution,
        runs,
        environment=environment,
        generation=request.get("generation"),
        expires_at=request.get("expiresAt"),
        intent=intent,
    )
    if isinstance(decision, Follow):
        return _wait(request, pace.ANOTHER_EXECUTION, settled=False, recorded=False)
    if isinstance(decision, Leave):
        logger.info("deletion outdated", reason=decision.reason)
        return {"status": "OUTDATED", "environment": environment, "reason": decision.reason}
    if record is None:
        raise ValueError(f"a record of {environment} was decided on and is not there")
    settle = record.settle
    if isinstance(decision, Take):
        settle = decision.settle
        recorded = record.status not in _BEGUN_BEFORE
        taken = replace(
            record,
            generation=decision.generation,
            status=Status.DELETING,
            execution=execution,
            settle=settle,
            verb=Verb.DELETE,
            intents=followed(record.intents, (LIFE,), intent),
        )
        records.take(taken, record)
        if decision.stop:
            executions.stop(stepfunctions, decision.stop, f"deleted by {execution}")
    if settle and not settled:
        return _wait(request, settle_seconds, settled=True, recorded=recorded)
    nothing: list[Event] = []
    return {
        "status": "CLOSED",
        "environment": environment,
        "generation": decision.generation,
        "closedAt": lease.timestamp(now),
        "recorded": recorded,
        "keepSchedule": request.get("keepSchedule", False),
        "services": {"items": nothing, "names": [], "namespaceId": None},
        "used": {
            "namespace": {"items": nothing, "operationId": None},
            "taskDefinitions": {"items": nothing, "thorough": True},
        },
        "cluster": {"items": nothing},
        "logGroups": {"items": nothing},
        "look": {"rounds": 0},
    }


def _wait(request: Event, seconds: int, *, settled: bool, recorded: bool) -> Event:
    return {
        "status": "WAIT",
        "waitSeconds": seconds,
        "settled": settled,
        "recorded": recorded,
        "request": request,
    }


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    return close_environment(
        event,
        datetime.now(UTC),
        stack.settle_seconds,
        records(),
        clients.stepfunctions(),
    )
