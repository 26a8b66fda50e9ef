"""The verdict about a deployment, whether it is right, and when it was due. Pure.

Times are seconds since the deployment began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Word = Literal["HEALTHY", "FAILED", "NONE"]

RIGHT = "right"
CONTENT_WITH_A_FAILURE = "calls a failed one healthy"
CONTENT_TOO_EARLY = "calls it healthy too early"
GAVE_UP_ON_A_GOOD_ONE = "calls a good one failed"
NO_VERDICT = "says nothing within its time"
FALSE = (CONTENT_WITH_A_FAILURE, CONTENT_TOO_EARLY, GAVE_UP_ON_A_GOOD_ONE)
"""What counts as a false verdict; a missing one is late, not false."""

ANSWER_SECONDS = 10.0
"""An application that gives the same wrong answer for so long means it."""

Evidence = Literal[
    "first stop", "second stop", "deadline", "grace", "answer", "rollback", "refusal"
]
"""From what the time to a verdict counts.

A second stop with the same text is needed if the first try may have met something that was still
being created; a temporary failure is awaited until the deadline, or until ECS itself gives up; and
an edge is tried for a while after everything was healthy."""


@dataclass(frozen=True)
class Verdict:
    """A verdict."""

    word: Word
    at: float
    categories: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    looks: int = 0
    next_step: str = ""
    """Of the first verdict."""
    rounds: int = 0
    """How often services were created or changed."""


@dataclass(frozen=True)
class Failure:
    """A task that stopped, or a service action or deployment that failed, as ECS announced it."""

    at: float
    text: str


def judged(verdict: Verdict, heals: bool, ready_at: float | None, slack: float) -> str:
    """Whether it is right; within `slack` seconds of the ready time it is not too early."""
    match verdict.word:
        case "NONE":
            return NO_VERDICT
        case "FAILED":
            return GAVE_UP_ON_A_GOOD_ONE if heals else RIGHT
        case "HEALTHY":
            if not heals:
                return CONTENT_WITH_A_FAILURE
            early = ready_at is None or verdict.at < ready_at - slack
            return CONTENT_TOO_EARLY if early else RIGHT


def evidence(
    counted_from: Evidence,
    failures: Sequence[Failure],
    deadline_at: float,
    grace_ends_at: float,
    ready_at: float = 0.0,
) -> tuple[float, float]:
    """The first evidence of all, and the one from which the verdict is due.

    Raises IndexError if nothing has failed that should have."""
    match counted_from:
        case "first stop":
            return failures[0].at, failures[0].at
        case "second stop":
            return failures[0].at, failures[1].at
        case "deadline":
            return failures[0].at if failures else deadline_at, deadline_at
        case "rollback":
            gave_up = [
                failure.at for failure in failures if failure.text == "SERVICE_DEPLOYMENT_FAILED"
            ]
            return failures[0].at, gave_up[0]
        case "answer":
            return ready_at, ready_at + ANSWER_SECONDS
        case "grace":
            return grace_ends_at, grace_ends_at
        case "refusal":
            return 0.0, 0.0
