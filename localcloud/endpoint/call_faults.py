"""Faults of single calls on their way to AWS and back. A test says which calls they hit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from localcloud.endpoint.calls import Call


@dataclass(frozen=True)
class Refused:
    """AWS answers with an error and does nothing."""

    status: int
    code: str
    text: str


class Cut(Enum):
    """The connection ends without an answer."""

    BEFORE = auto()
    """Nothing has happened."""
    AFTER = auto()
    """AWS has carried out the call."""


Fault = Refused | Cut
THROTTLED = Refused(400, "ThrottlingException", "Rate exceeded")
BUSY_SCHEDULE = Refused(
    409,
    "ConflictException",
    "Updating or deleting the resource can cause an inconsistent state.",
)
"""What Scheduler sometimes answers while it is changing a schedule (seen in May 2026:
github.com/alchemy-run/distilled, pull request 248; the text is the API model's)."""
DENIED = Refused(
    400,
    "AccessDeniedException",
    "User is not authorized to perform this action because no identity-based policy allows it",
)
"""As if somebody had narrowed the role. The text is of IAM's guide, without the names."""
UNAVAILABLE = Refused(503, "ServiceUnavailable", "Service Unavailable")


class CallFaults:
    """Decides for every call whether it fails; without `of`, none does."""

    def __init__(self) -> None:
        self.of: Callable[[Call], Fault | None] = lambda call: None
        """Replaced by a test. Called in the thread that answers."""
