"""What the code compares with Step Functions' answers, each literal with its source. Pure.

"Recorded" is an answer of a real account that somebody published; "documented" is AWS's
documentation alone. What was recorded where:

* [dotnet]: an event in github.com/aws/aws-lambda-dotnet, issue 2544, August 2026
* [floci]: github.com/floci-io/floci, issues 2733 and 2734, AWS CLI, August 2026
* [localstack]: github.com/localstack/localstack at 8b9a79f, tests/aws/services/stepfunctions,
  snapshots recorded against AWS, 2023 to 2025
* [token]: github.com/boto/boto3, issue 4044, March 2024

The names in ErrorEquals are in statemachine/, with their sources in
tests/template/test_machines.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from bivouac.json_types import Described, Json

# --- executions ----------------------------------------------------------------------------------

_AT_WORK = frozenset({"RUNNING", "PENDING_REDRIVE"})
"""Recorded: RUNNING [localstack]; documented: the other, of an execution that was redriven (API
reference, DescribeExecution). With any other status it has ended."""

STOPPED = "ABORTED"
"""Somebody stopped it. Recorded [floci]."""
FAILED: Literal["FAILED"] = "FAILED"
"""It reached a Fail state, or Step Functions ended it. Recorded [localstack]."""
TIMED_OUT: Literal["TIMED_OUT"] = "TIMED_OUT"
"""Its machine's TimeoutSeconds ended it. Recorded [floci, localstack]."""

BROKEN = (FAILED, TIMED_OUT)
"""Ended, but not on purpose."""


def unexplained_end(status: str) -> str:
    """What people read about an execution that ended with neither error nor cause."""
    if status == TIMED_OUT:
        return "it took longer than its state machine allows (TimeoutSeconds), and was ended"
    return "somebody stopped it, and gave no reason"


NO_EXECUTION = frozenset({"ExecutionDoesNotExist", "InvalidArn"})
"""Error codes if no execution has this ARN. Recorded: the first [localstack];
documented: the other (API reference, DescribeExecution)."""
STARTED_BEFORE = frozenset({"ExecutionAlreadyExists"})
"""Error codes if one with this name ended, or runs with another input. Recorded [localstack]."""


@dataclass(frozen=True)
class Execution:
    arn: str
    status: str
    """Empty if unknown."""
    error: str = ""
    """Empty if it has none. Recorded: one that timed out has neither [floci, localstack]."""
    cause: str = ""
    content: Json = field(default_factory=dict)
    """Its input; empty if that is no object, or was too large for an event (documented: Step
    Functions' guide, "Automating event delivery")."""
    started_at: datetime | None = None
    """None if unknown."""
    stopped_at: datetime | None = None
    """None: it is running, or Step Functions no longer has it."""

    @classmethod
    def of(cls, described: Described) -> Self:
        """From DescribeExecution, or from an event's detail, which has null for what is missing.

        Recorded [dotnet, localstack]. Raises KeyError for anything else."""
        content = json.loads(described.get("input") or "{}")
        return cls(
            described["executionArn"],
            described["status"],
            described.get("error") or "",
            described.get("cause") or "",
            content if isinstance(content, dict) else {},
            _moment(described.get("startDate")),
            _moment(described.get("stopDate")),
        )

    @property
    def is_at_work(self) -> bool:
        return self.status in _AT_WORK

    @property
    def name(self) -> str:
        return name_of(self.arn)


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
"""Error codes of SendTaskSuccess if nobody waits for this token any more. Recorded: the first, for
a task that had ended [token]; documented: the others (API reference, SendTaskSuccess)."""


def caught(failure: Described) -> tuple[str, str]:
    """The error and the cause that a Catch puts into a state.

    Recorded: a time-out has an empty cause [localstack]."""
    return str(failure.get("Error") or ""), str(failure.get("Cause") or "")
