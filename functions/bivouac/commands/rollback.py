"""What is done after a redeploy that failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bivouac.diagnosis import report
from bivouac.environment import intents
from bivouac.environment.intents import Intent
from bivouac.environment.record import Record, Status
from bivouac.environment.service_changes import Change, Changes, newest

SUPERSEDED = ("SupersededError", "StoppedError")
"""How an execution fails when a newer one takes its environment."""


_GOING = (Status.DELETING, Status.NOT_DELETED, Status.DELETED)


class RollBackOutcome(StrEnum):
    REFUSED = "REFUSED"
    """Nothing was changed."""
    SUPERSEDED = "SUPERSEDED"
    """A newer execution has the environment; what comes of it is told there."""
    PROVEN = "PROVEN"
    """It failed after it was proven and recorded: what was redeployed is READY."""
    NEVER_PROVEN = "NEVER_PROVEN"
    """There is nothing to go back to."""
    ROLL_BACK = "ROLL_BACK"
    TAKEN_BACK = "TAKEN_BACK"
    """A sleep or a wake came before the roll-back, and goes on with what was proven before."""
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
    """Where one does."""


def concluded(record: Record | None, failure: Failure, intent: str = "") -> Conclusion:
    """What follows from a redeploy's failure; `intent` is the id of the one that it has, if any.

    The record says who took the environment last: a redeploy that never did has changed nothing."""
    if record is None or record.execution != failure.execution:
        if failure.error in SUPERSEDED:
            return Conclusion(RollBackOutcome.SUPERSEDED, "SupersededError", failure.cause)
        if record is not None and _is_void(record, intent or failure.execution):
            text = (
                "The environment was put to sleep or woken before it could be rolled back. What "
                "was redeployed is over: what was proven before it runs once the environment is "
                "awake."
            )
            together = report.together(failure.cause, text)
            return Conclusion(RollBackOutcome.TAKEN_BACK, failure.error, together)
        return Conclusion(RollBackOutcome.REFUSED, failure.error, failure.cause)
    if record.status in (Status.READY, Status.DEGRADED):
        return Conclusion(RollBackOutcome.PROVEN, failure.error, failure.cause)
    if not record.can_roll_back:
        text = "The environment was not rolled back: no other request of it was ever proven."
        return Conclusion(
            RollBackOutcome.NEVER_PROVEN, failure.error, report.together(failure.cause, text)
        )
    back = "The environment was rolled back: what was proven before runs, and is proven again."
    taken = "The environment was not rolled back: another execution has taken it since."
    return Conclusion(
        RollBackOutcome.ROLL_BACK,
        failure.error,
        report.together(failure.cause, taken),
        report.together(failure.cause, back),
    )


def _is_void(record: Record, intent: str) -> bool:
    """Whether somebody took back what was meant so. What has no intent of its own has the ARN of
    its create for one."""
    changes = (change for each in record.changes.values() for change in each)
    return any(change.void and change.intent.id == intent for change in changes)


def kept(record: Record | None, error: str, redeploy: Any) -> Changes | None:
    """The changes to be kept of a redeploy that came too late for one life of an environment.

    Whoever meant it may have meant the next life, whose creation is still on the way: it was
    accepted, and the environment went before it was made. None where there is nothing to keep.
    `redeploy` is the execution's input, which was found to be in order."""
    if record is None or error != "EnvironmentNotFoundError" or "intent" not in redeploy:
        return None
    intent, life = Intent.from_json(redeploy["intent"]), record.intents.get(intents.LIFECYCLE)
    if record.status not in _GOING or (life is not None and intent <= life):
        return None
    given = [
        Change(
            each["serviceName"],
            intent,
            each.get("image"),
            each.get("container"),
            each.get("taskDefinition"),
        )
        for each in redeploy.get("services") or record.base["services"]
    ]
    changes = newest(record.changes, given)
    return changes if changes != record.changes else None


def not_rolled_back(first: Failure, second: Failure) -> Conclusion:
    """Both failures in one cause."""
    if second.error in SUPERSEDED:
        text = f"The environment was not rolled back: {second.cause}"
        return Conclusion(
            RollBackOutcome.SUPERSEDED, first.error, report.together(first.cause, text)
        )
    text = f"The roll-back failed as well: {second.error}\n{second.cause}"
    return Conclusion(
        RollBackOutcome.NOT_ROLLED_BACK, first.error, report.together(first.cause, text)
    )
