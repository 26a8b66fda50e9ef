"""Open environment: writes the record and the schedules before the first resource is created.

If there is nothing to create now, the execution ends here: a sleeping environment stores the
request that its next wake will use, and one that begins with its schedule waits for its first up.

Repeating it is safe: the record is taken by a conditional write, and an execution that already
holds it goes on. A superseded create is stopped, and its last function is waited for. If the step
is killed between the record and the schedules of an existing environment, the old expiry still
fires and arms the right one (close_environment).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bivouac import clock, times
from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.aws.scheduler import Schedules
from bivouac.environment import taking, wait_times
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Verb
from bivouac.environment.record import Follow, Leave, Replan, Status, Take, opening
from bivouac.environment.wait_times import try_again
from bivouac.observability import Event, logger, step
from bivouac.services.progress import CreateProgress
from bivouac.settings import StackSettings
from bivouac.stack import records, schedules


def open_environment(
    event: Event,
    now: datetime,
    settle_seconds: int,
    records: Records,
    schedules: Schedules,
    stepfunctions: SFNClient,
) -> Event:
    """`status` OPEN with what the next states need, WAIT with the input for a retry, CHANGED if the
    request must be checked again, OUTDATED, or KEPT or SCHEDULED if there is nothing to create
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
        taking.based_on(record, instruction),
        records.ended_before(blueprint, record) if verb is Verb.CREATE else None,
    )
    if verb is Verb.WAKE and record and taking.is_over(record, now) and isinstance(decision, Take):
        decision = Leave(f"its lease ended at {record.expires_at}")
    match decision:
        case Follow():
            return {**event, **try_again(wait_times.ANOTHER_EXECUTION, settled=False)}
        case Leave(reason):
            logger.info("outdated", reason=reason)
            return {"status": "OUTDATED", "environment": blueprint.environment, "reason": reason}
        case Replan():
            return {"status": "CHANGED", "environment": blueprint.environment}
    held = record
    if isinstance(decision, Take):
        taking.keep_the_namespace(record, blueprint)
        held = taking.taken(execution, instruction, blueprint, record, decision, now)
        records.take(held, record, forget=taking.forgotten(record, verb))
        if decision.stop:
            executions.stop(stepfunctions, decision.stop, f"superseded by {execution}")
    if held is None:
        raise ValueError(f"{blueprint.environment} is held but has no record")
    schedules.arm(blueprint, times.moment(held.expires_at), now)
    if held.settle and not event["settled"]:
        return {**event, **try_again(settle_seconds, settled=True)}
    if held.status is not Status.CREATING:
        return taking.kept(held)
    latest = times.moment(event["startedAt"]) + timedelta(seconds=wait_times.LONGEST_CREATE)
    fresh = isinstance(decision, Take) and taking.is_fresh(record) and not instruction.there
    progress = CreateProgress(patience_seconds=blueprint.ready_seconds)
    opened = taking.opened(held, blueprint, now, latest)
    return {**opened, "fresh": fresh, "progress": progress.to_json()}


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    return open_environment(
        event, clock.now(), stack.settle_seconds, records(), schedules(), clients.stepfunctions()
    )
