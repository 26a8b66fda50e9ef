"""The outputs of executions: parts of the status document, and what became of the request. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from bivouac.environment import wait_times
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.decisions import Decision, Follow, Leave, Replan
from bivouac.environment.record import Record
from bivouac.json_types import Json
from bivouac.status.document import environment, proven
from bivouac.status.receipt import receipt


class Outcome(StrEnum):
    """Of a request."""

    DONE = "DONE"
    UNCHANGED = "UNCHANGED"
    """It already was as requested."""
    OUTDATED = "OUTDATED"
    """Something newer was meant, or it came twice."""
    NOTHING_THERE = "NOTHING_THERE"
    """No environment of that name was ever created."""


def done(record: Record) -> Json:
    """`record`: as it is now."""
    return _done(record, record.planned)


def _done(record: Record, blueprint: Blueprint) -> Json:
    return {"outcome": Outcome.DONE, "because": None, **environment(record, blueprint)}


def unchanged(record: Record, because: str) -> Json:
    return {**done(record), "outcome": Outcome.UNCHANGED, "because": because}


def nothing_done(outcome: Outcome, name: str, because: str) -> Json:
    """The status is None, because it says nothing of what the environment is: whoever started the
    execution must not take it for READY."""
    return {"outcome": outcome, "name": name, "status": None, "because": because}


def left_alone(outcome: Outcome, name: str, because: str) -> Json:
    """The answer of a step after which the execution ends with this output."""
    return {"status": outcome, "output": nothing_done(outcome, name, because)}


def not_taken(decision: Decision, environment: str) -> Json | None:
    """The answer of a step that does not hold the environment now; None if it does."""
    match decision:
        case Follow():
            return {"status": "WAIT", "waitSeconds": wait_times.ANOTHER_EXECUTION}
        case Leave(reason):
            return left_alone(Outcome.OUTDATED, environment, reason)
        case Replan():
            return {"status": "CHANGED", "environment": environment}
        case _:
            return None


def ready(record: Record, blueprint: Blueprint, proof: Sequence[Json]) -> Json:
    return {
        **_done(record, blueprint),
        "readyAt": record.ready_at,
        **proven(record, blueprint),
        "warnings": list(blueprint.warnings),
        "proof": list(proof),
    }


def deleted(record: Record) -> Json:
    """`record`: with the receipt of this deletion."""
    return {**done(record), "receipt": receipt(record)}
