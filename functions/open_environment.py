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
from bivouac.aws.scheduler import Schedules
from bivouac.commands.holder import Holder, holder
from bivouac.environment import taking
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.decisions import Follow, Take, opening
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Verb
from bivouac.environment.record import Status
from bivouac.observability import Event, step
from bivouac.services.progress import CreateProgress
from bivouac.stack import schedules
from bivouac.status import answers


def open_environment(event: Event, now: datetime, holder: Holder, schedules: Schedules) -> Event:
    """`status` OPEN with what the next states need; SETTLE with the same, if they must wait for the
    last functions of a superseded execution; WAIT with the input for a retry; CHANGED if the
    request must be checked again; OUTDATED; or KEPT or SCHEDULED if there is nothing to create
    now."""
    blueprint = Blueprint.from_json(event["plan"])
    instruction = Instruction.from_json(event["instruction"])
    execution, verb = holder.execution, instruction.verb
    record = holder.records.find(blueprint.environment)
    runs = holder.another_runs(record)
    closed = holder.records.ended_before(blueprint, record) if verb is Verb.CREATE else None
    decision = opening(record, execution, instruction, blueprint.request_hash, runs, closed, now)
    if answer := answers.not_taken(decision, blueprint.environment):
        return {**event, **answer} if isinstance(decision, Follow) else answer
    held = record
    if isinstance(decision, Take):
        taking.keep_the_namespace(record, blueprint)
        taken = taking.taken(execution, instruction, blueprint, record, decision, now)
        held = holder.take(taken, record, decision, taking.forgotten(record, verb))
    if held is None:
        raise ValueError(f"{blueprint.environment} is held but has no record")
    schedules.arm(blueprint, times.moment(held.expires_at), now)
    if held.status is not Status.CREATING:
        return {"status": taking.kept(held), "output": answers.done(held)}
    fresh = isinstance(decision, Take) and not (taking.existing(record) or instruction.there)
    progress = CreateProgress(patience_seconds=blueprint.ready_seconds)
    begins = now + timedelta(seconds=holder.settle_seconds if held.settle else 0)
    opened = taking.opened(held, blueprint, now, begins, event["startedAt"])
    answer = {**opened, "fresh": fresh, "progress": progress.to_json()}
    return holder.settling(held, answer)


@step
def handler(event: Event) -> Event:
    return open_environment(event, clock.now(), holder(event), schedules())
