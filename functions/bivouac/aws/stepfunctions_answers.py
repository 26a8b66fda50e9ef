"""What the code compares with Step Functions' answers, each literal with its source. Pure.

"Recorded" is an answer of a real account that somebody published; "documented" is AWS's
documentation alone. What was recorded where:

* [dotnet]: an event in github.com/aws/aws-lambda-dotnet, issue 2544, August 2026
* [floci]: github.com/floci-io/floci, issues 2733 and 2734, AWS CLI, August 2026
* [localstack]: github.com/localstack/localstack at 8b9a79f, tests/aws/services/stepfunctions,
  snapshots recorded against AWS, 2023 to 2025
* [token]: github.com/boto/boto3, issue 4044, March 2024

The names in ErrorEquals stand in statemachine/, with their sources in
tests/template/test_machines.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from bivouac.json_types import Described

# --- executions ----------------------------------------------------------------------------------

_AT_WORK = frozenset({"RUNNING", "PENDING_REDRIVE"})
"""Recorded: RUNNING [localstack]; documented: the other, of an execution that was redriven (API
reference, DescribeExecution). All others are ends."""

STOPPED = "ABORTED"
"""Of one that somebody stopped. Recorded [floci]."""
FAILED: Literal["FAILED"] = "FAILED"
"""Of one that came to a Fail state, or that Step Functions ended. Recorded [localstack]."""
TIMED_OUT: Literal["TIMED_OUT"] = "TIMED_OUT"
"""Of one that its machine's TimeoutSeconds ended. Recorded [floci, localstack]."""

BROKEN = (FAILED, TIMED_OUT)
"""Those that nobody ended on purpose."""


def without_a_word(status: str) -> str:
    """What a status means of an end that has neither error nor cause, as people read it."""
    if status == TIMED_OUT:
        return "it took longer than its state machine allows (TimeoutSeconds), and was ended"
    return "somebody stopped it, and gave no reason"


NO_EXECUTION = frozenset({"ExecutionDoesNotExist", "InvalidArn"})
"""Error codes where there is no execution of this ARN. Recorded: the first [localstack];
documented: the other (API reference, DescribeExecution)."""
STARTED_BEFORE = frozenset({"ExecutionAlreadyExists"})
"""Error codes where one of this name ran, or runs with another input. Recorded [localstack]."""


@dataclass(frozen=True)
class Execution:
    arn: str
    machine_arn: str
    status: str
    error: str
    """Empty where it has none. Recorded: a machine out of time has neither [floci, localstack]."""
    cause: str
    input: str
    """JSON; empty where it was left out, as it was too large for an event (documented: Step
    Functions' guide, "Automating event delivery")."""
    started_at: datetime | None
    """None where it is not said."""
    stopped_at: Any
    """None while it runs: in an answer a datetime, in an event milliseconds since 1970."""

    @property
    def is_at_work(self) -> bool:
        return self.status in _AT_WORK


def execution(described: Described) -> Execution:
    """Of DescribeExecution, or of an event's detail, which has null for what it does not say.

    Recorded [dotnet, localstack]. Raises KeyError for anything else."""
    return Execution(
        arn=described["executionArn"],
        machine_arn=described["stateMachineArn"],
        status=described["status"],
        error=described.get("error") or "",
        cause=described.get("cause") or "",
        input=described.get("input") or "",
        started_at=_moment(described.get("startDate")),
        stopped_at=described.get("stopDate"),
    )


def _moment(given: Any) -> datetime | None:
    """In an event milliseconds since 1970, in an answer a datetime. Recorded [dotnet]."""
    moment: datetime | None = given
    return datetime.fromtimestamp(given / 1000, UTC) if isinstance(given, int | float) else moment


def name_of(execution_arn: str) -> str:
    """Recorded: ...:execution:<machine>:<name> [localstack]."""
    return execution_arn.rpartition(":")[2]


def machine_of(execution_arn: str) -> str:
    """The name of an execution's machine. Recorded: as above [localstack]."""
    return execution_arn.rpartition(":")[0].rpartition(":")[2]


def arn_of(machine_arn: str, name: str) -> str:
    """An execution's ARN, whether or not it exists."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


# --- states --------------------------------------------------------------------------------------

STALE_TOKEN = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
"""Error codes of SendTaskSuccess where nobody waits for this token any more. Recorded: the first,
of a task that is over [token]; documented: the others (API reference, SendTaskSuccess)."""


def caught(failure: Described) -> tuple[str, str]:
    """The error and the cause that a Catch puts into a state.

    Recorded: a time-out has an empty cause [localstack]."""
    return str(failure.get("Error") or ""), str(failure.get("Cause") or "")
