"""What to do about an environment whose execution ended early. Pure.

StopExecution and a machine's timeout run no Catch (W13), so the machine cannot clean up after
itself. `follow_up_execution` does, when Step Functions emits its event; `sweep_environments` does,
if the event was lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bivouac.aws import stepfunctions_answers
from bivouac.aws.lambda_answers import message_of
from bivouac.aws.stepfunctions_answers import Execution
from bivouac.commands import inputs
from bivouac.diagnosis import report
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment import naming, schedules
from bivouac.environment.decisions import matter_of_deletion
from bivouac.environment.event import DetailType
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb, is_outdated
from bivouac.environment.record import Record, Status
from bivouac.errors import REFUSALS, DeletionIncompleteError, is_fault
from bivouac.json_types import Json
from bivouac.settings import Machine

AFTER_FAILURE = "failed"
"""Prefix of the deletion's name, as in the machine's state `Start deletion`: both start the same
one (W05)."""
BACK = "back"
"""Suffix of the name of the create that rolls back to what was proven."""
RETRY = "put-again"
"""Prefix of the name of the execution that retries an intent."""
ONCE_MORE = "again"
"""Suffix of the name of the deletion, wake or sleep that retries one that died."""


_OF_REDEPLOY = re.compile(r"redeploy-([0-9a-f]{64})")
"""The name of the create that redeploy_environment starts: the hash is of its own ARN."""


_AFTER_A_STOP = (
    "If someone stopped it, nothing else failed. Otherwise read the execution's history in the "
    "Step Functions console. Then start it again."
)
_AFTER_A_TIME_OUT = (
    "Find the state in which it waited that long, in the execution's history in the Step Functions "
    "console. Then start it again."
)


@dataclass(frozen=True)
class Start:
    machine: Machine
    name: str
    """The same for the same aftermath, so that it is started only once (W05)."""
    content: Json
    since: datetime | None = None
    """The earliest time at which it can have been started: an earlier execution of this name is
    another one."""


@dataclass(frozen=True)
class Aftermath:
    failure: Json | None
    """To be recorded and published; None if the execution did so itself."""
    start: Start | None
    tells: DetailType | None = None
    """The event for the recorded status, which the execution may not have published before it
    died."""


_RULES: Mapping[Machine, inputs.Rule] = {
    Machine.CREATE: inputs.REQUEST,
    Machine.DELETE: inputs.DELETION,
    Machine.SLEEP: inputs.SLEEP,
    Machine.WAKE: inputs.KNOWN_ENVIRONMENT,
    Machine.REDEPLOY: inputs.REDEPLOY,
    Machine.EXTEND: inputs.EXTENSION,
}
"""An execution may have ended before anybody looked at its input."""


class Ended(Execution):
    """An execution that ended without success, or one that holds or last held a record."""

    @property
    def environment(self) -> str | None:
        """The environment that its input names. Whether it ever held it, only the record shows."""
        about: list[Any] = [self.content, *self.content.values()]
        for each in about:
            named = each.get("environment", each.get("name")) if isinstance(each, dict) else None
            if isinstance(named, str) and naming.is_environment_name(named):
                return named
        return None

    @property
    def machine(self) -> Machine:
        """Its state machine, by the end of the name. Raises ValueError if it is none of ours."""
        name = stepfunctions_answers.machine_of(self.arn).replace("-", "_")
        for machine in Machine:
            if name.endswith(machine):
                return machine
        raise ValueError(f"{self.arn} is not an execution of one of our state machines")

    @property
    def is_watched(self) -> bool:
        """Whether the caller sees how it ends, as a person does, or a pipeline that passes an
        intent. Events and schedules do not."""
        intent = self.content.get("intent")
        if not isinstance(intent, dict):
            return True
        if naming.is_requested_execution(self.name) or self.name.startswith(RETRY):
            return False
        well_formed = inputs.is_well_formed(inputs.INTENT, intent)
        return not (well_formed and schedules.is_of_office_hours(Intent.from_json(intent)))

    def is_unanswered(self, record: Record | None) -> bool:
        """Whether no caller sees how it ended, and it was refused, or failed while the record has
        neither its intent nor a newer one."""
        if self.is_watched:
            return False
        if self.error in REFUSALS or record is None:
            return True
        well_formed = inputs.is_well_formed(_RULES[self.machine], self.content)
        return not (well_formed and _followed(self, record))

    def once_more(self) -> Start | None:
        """A retry, for an intent that was not followed because its execution failed.

        None if it was refused, stopped by someone, or is itself a retry."""
        if self.error in REFUSALS or self.was_stopped or self.name.startswith(RETRY):
            return None
        name = naming.execution_after(self.arn, RETRY)[:50]
        return Start(self.machine, name, self.content, self.started_at)

    @property
    def was_stopped(self) -> bool:
        return self.status == stepfunctions_answers.STOPPED

    @property
    def why(self) -> str:
        """The reason for its end. If it gives none, as after a timeout of its machine or a stop
        without a reason, the meaning of its status."""
        if self.error or self.cause:
            return ": ".join(filter(None, (self.error, message_of(self.cause))))
        return stepfunctions_answers.unexplained_end(self.status)

    def failure(self, record: Record) -> Json:
        """In the form of the record and of events."""
        ended = f"{record.verb} by the execution {self.name} ended as {self.status}"
        timed_out = self.status == stepfunctions_answers.TIMED_OUT
        verdict = Verdict.of(
            Category.UNKNOWN,
            record.environment,
            [ended, self.why],
            _AFTER_A_TIME_OUT if timed_out else _AFTER_A_STOP,
        )
        return {
            "error": self.error or self.status,
            "cause": report.report([verdict], []),
            "category": verdict.category,
            "verdicts": [verdict.to_json()],
        }


def _followed(ended: Ended, record: Record) -> bool:
    """Whether its intent, or a newer one about the same, was followed."""
    content, intent = ended.content, Intent.from_json(ended.content["intent"])
    if is_outdated(record.intents, LIFECYCLE, intent):
        return True
    match ended.machine:
        case Machine.REDEPLOY:
            given = content.get("services") or record.base["services"]
            return all(
                any(change.intent >= intent for change in record.changes.get(name, ()))
                for name in (each.get("serviceName") for each in given)
            )
        case Machine.EXTEND:
            newest = record.extension
            return newest is not None and newest.asked_at >= intent.at
        case Machine.WAKE | Machine.SLEEP:
            return is_outdated(record.intents, POWER, intent)
        case Machine.DELETE:
            matter = matter_of_deletion(content.get("keepSchedule", False))
            return is_outdated(record.intents, matter, intent)
        case _:
            return False


def aftermath(record: Record, ended: Ended, attempt: str | None = None) -> Aftermath | None:
    """What to do after the execution that holds the record; None: nothing, because it had finished,
    or another one holds the record by now.

    A deletion is retried once, and after that only by the sweep, so that one that always fails is
    retried at the sweep's pace. `attempt`: the suffix of the names of what the sweep starts, since
    each retry needs its own name."""
    if record.execution != ended.arn:
        return None
    match record.status:
        case Status.CREATING | Status.FALLING_ASLEEP:
            return Aftermath(ended.failure(record), _after_failure(record, ended, attempt))
        case Status.FAILED:
            start = _after_failure(record, ended, attempt)
            return Aftermath(None, start) if start or record.untold else None
        case Status.DELETING if attempt or not ended.name.endswith(f"-{ONCE_MORE}"):
            why = "the previous deletion did not finish"
            kept = {key: ended.content[key] for key in ("keepSchedule",) if key in ended.content}
            content = {**_known(record), "reason": why, **kept}
            name = name_of_following(record, attempt or ONCE_MORE)
            return Aftermath(None, Start(Machine.DELETE, name, content, ended.started_at))
        case Status.READY:
            return Aftermath(None, None, DetailType.READY)
        case Status.DELETED:
            return Aftermath(None, None, DetailType.DELETED)
        case Status.NOT_DELETED if ended.error != DeletionIncompleteError.__name__:
            return Aftermath(None, None, DetailType.NOT_DELETED)
        case _:
            return None


def after_redeploy(record: Record, redeploy: Ended, create_runs: bool) -> Aftermath | None:
    """What to do after an execution of redeploy_environment, which should have rolled back a failed
    create; None: nothing, because it did, or another one holds the record by now.

    A create that still runs goes on; if it fails, the sweep rolls back."""
    name = stepfunctions_answers.name_of(record.execution)
    of_redeploy = naming.execution_after(redeploy.arn, "redeploy")
    if name != of_redeploy or create_runs or not record.can_roll_back:
        return None
    start = _roll_back(record, redeploy, naming.execution_after(redeploy.arn, "roll-back"))
    match record.status:
        case Status.CREATING:
            create = replace(redeploy, arn=record.execution)
            return Aftermath(create.failure(record), start)
        case Status.FAILED:
            return Aftermath(None, start)
        case _:
            return None


def name_of_following(record: Record, ending: str) -> str:
    return naming.following_execution(
        record.environment, record.generation, record.execution, ending
    )


def _after_failure(record: Record, ended: Ended, attempt: str | None) -> Start | None:
    """A failure never deletes what was proven before: the environment rolls back, or stays FAILED.
    A redeploy's machine rolls back itself; if it did not, the sweep does."""
    if record.proven and (again := _once_more(record, ended)):
        return again
    if record.goes_when_it_fails and record.verb is not Verb.SLEEP:
        after = naming.execution_after(ended.arn, AFTER_FAILURE)
        name = name_of_following(record, attempt) if attempt else after
        content = {
            **_known(record),
            "reason": "create failed",
            "keepSchedule": record.verb is Verb.WAKE,
            "unlessProven": True,
        }
        return Start(Machine.DELETE, name, content, ended.started_at)
    if not record.goes_back:
        return None
    if record.verb is Verb.REDEPLOY and attempt and _OF_REDEPLOY.fullmatch(ended.name):
        return _roll_back(record, ended, name_of_following(record, attempt))
    if record.verb is Verb.CREATE:
        # Once: the name is the same for each sweep.
        return _roll_back(record, ended, name_of_following(record, BACK))
    return None


def _once_more(record: Record, ended: Ended) -> Start | None:
    """A retry of an up or a down that failed: it was not refused, and nothing else would retry it
    before the next one is due. There is none if someone stopped it, or if it failed twice."""
    rest = record.intents.get(POWER)
    if (
        rest is None
        or record.verb not in (Verb.WAKE, Verb.SLEEP)
        or ended.was_stopped
        or not is_fault(ended.error)
        or ended.name.endswith(f"-{ONCE_MORE}")
    ):
        return None
    # At the same time, but newer than the one that failed.
    intent = Intent(rest.at, f"{rest.id} {ONCE_MORE}")
    content = {**_known(record), "intent": intent.to_json()}
    name = name_of_following(record, ONCE_MORE)
    if record.verb is Verb.WAKE:
        return Start(Machine.CREATE, name, {"wake": content}, ended.started_at)
    return Start(Machine.SLEEP, name, content, ended.started_at)


def _roll_back(record: Record, ended: Ended, name: str) -> Start:
    return Start(Machine.CREATE, name, {"rollBack": _known(record)}, ended.started_at)


def _known(record: Record) -> Json:
    """What the input is based on."""
    return {"environment": record.environment, "generation": record.generation}
