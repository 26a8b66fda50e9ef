"""What to do after a failed redeploy. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bivouac.commands import inputs
from bivouac.diagnosis import report
from bivouac.environment import intents
from bivouac.environment.intents import Intent
from bivouac.environment.record import LEASE_OVER, Record, Status
from bivouac.environment.service_changes import Change, Changes, newest

SUPERSEDED = ("SupersededError", "StoppedError")
"""The errors of an execution whose environment a newer one has taken."""


class RollBackOutcome(StrEnum):
    REFUSED = "REFUSED"
    """Nothing was changed."""
    SUPERSEDED = "SUPERSEDED"
    """A newer execution has the environment, and reports its own result."""
    PROVEN = "PROVEN"
    """It failed after its proof was recorded: the redeployed environment is READY."""
    NEVER_PROVEN = "NEVER_PROVEN"
    """There is nothing to roll back to."""
    ROLL_BACK = "ROLL_BACK"
    TAKEN_BACK = "TAKEN_BACK"
    """A sleep or a wake came before the roll-back, and continues with what was proven before."""
    NOT_ROLLED_BACK = "NOT_ROLLED_BACK"
    """The roll-back has failed as well."""


@dataclass(frozen=True)
class Failure:
    """How an execution of create_environment failed."""

    execution: str
    """Its ARN."""
    error: str
    cause: str


@dataclass(frozen=True)
class Conclusion:
    outcome: RollBackOutcome
    error: str
    cause: str
    """Unless a roll-back follows and succeeds."""
    rolled_back_cause: str = ""
    """If a roll-back follows and succeeds."""


def named(redeploy: Any) -> tuple[str, str]:
    """The environment and the intent's id in the input of a redeploy; empty if there is none, or
    none that a create would accept: then it was refused for that."""
    if not inputs.is_well_formed(inputs.REDEPLOY, redeploy):
        return "", ""
    return redeploy["environment"], redeploy.get("intent", {}).get("id", "")


def concluded(record: Record | None, failure: Failure, intent: str = "") -> Conclusion:
    """What follows from a redeploy's failure; `intent` is the id of its intent, if it has one.

    The record names the last execution that took the environment: a redeploy that never did has
    changed nothing."""
    if record is None or record.execution != failure.execution:
        if failure.error in SUPERSEDED:
            return Conclusion(RollBackOutcome.SUPERSEDED, "SupersededError", failure.cause)
        if record is not None and _is_void(record, intent or failure.execution):
            text = (
                "The environment was put to sleep or woken before it could be rolled back. The "
                "redeploy is void: once the environment is awake, it runs what was proven before."
            )
            return _told(RollBackOutcome.TAKEN_BACK, failure, text)
        return Conclusion(RollBackOutcome.REFUSED, failure.error, failure.cause)
    if record.status in (Status.READY, Status.DEGRADED):
        return Conclusion(RollBackOutcome.PROVEN, failure.error, failure.cause)
    if not record.can_roll_back:
        text = "The environment was not rolled back: no other request was ever proven."
        return _told(RollBackOutcome.NEVER_PROVEN, failure, text)
    taken = "The environment was not rolled back: another execution has taken it since."
    back = "The environment was rolled back: it runs what was proven before, and is proven again."
    concluding = _told(RollBackOutcome.ROLL_BACK, failure, taken)
    return replace(concluding, rolled_back_cause=report.together(failure.cause, back))


def _told(outcome: RollBackOutcome, failure: Failure, text: str) -> Conclusion:
    return Conclusion(outcome, failure.error, report.together(failure.cause, text))


def _is_void(record: Record, intent: str) -> bool:
    """Whether the change with this intent was rolled back. A redeploy without its own intent uses
    the ARN of its create."""
    changes = (change for each in record.changes.values() for change in each)
    return any(change.void and change.intent.id == intent for change in changes)


def kept(record: Record, error: str, redeploy: Any) -> Changes | None:
    """The changes to keep of a redeploy that came after an environment's deletion.

    It may be meant for the next creation, which is still to come: the redeploy was accepted, but
    the environment was deleted before it ran. None if there is nothing to keep. `redeploy` is the
    execution's input, which was found valid."""
    if error != "EnvironmentNotFoundError" or "intent" not in redeploy:
        return None
    intent = Intent.from_json(redeploy["intent"])
    late = intents.is_outdated(record.intents, intents.LIFECYCLE, intent)
    if record.status not in LEASE_OVER or late:
        return None
    given = redeploy.get("services") or record.base["services"]
    changes = newest(record.changes, (Change.of(each, intent) for each in given))
    return changes if changes != record.changes else None


def not_rolled_back(first: Failure, second: Failure) -> Conclusion:
    """Both failures in one cause."""
    if second.error in SUPERSEDED:
        text = f"The environment was not rolled back: {second.cause}"
        return _told(RollBackOutcome.SUPERSEDED, first, text)
    text = f"The roll-back failed as well: {second.error}\n{second.cause}"
    return _told(RollBackOutcome.NOT_ROLLED_BACK, first, text)
