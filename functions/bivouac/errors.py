"""The errors that end a step. The state machines catch them by their class names.

"Not yet" is never an error: a step returns it as a status, and the machine waits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

MESSAGE_LIMIT = 20_000
"""As JSON. Step Functions cuts a cause at 32,768 characters, after which it is no longer JSON, and
Lambda also puts a stack trace into it."""
TEXT_LIMIT = 4_000
"""Characters of any other message: a deletion's state may hold several."""
PROBLEM_LIMIT = 4_000
"""Characters; a problem may hold a corrected fragment of the request to paste."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class BivouacError(Exception):
    """A step cannot go on. The message says what is wrong, where, and what to do."""

    def __init__(self, message: str = "", entries: Sequence[str] = ()) -> None:
        """`entries`: each becomes a line of its own, as many as a cause can hold."""
        short = message if len(message) <= TEXT_LIMIT else f"{message[:TEXT_LIMIT]}..."
        super().__init__("\n".join((short, *_bounded(entries))))


class InvalidRequestError(BivouacError):
    """The execution's input is invalid. Raised before anything is created; not retried."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        several = "s" if count != 1 else ""
        super().__init__(f"{count} problem{several} in the request:", self.problems)


def _bounded(texts: Sequence[str]) -> Iterator[str]:
    """One line for each text, of whole and printable characters, as many as a cause can hold."""
    size = 0
    for number, text in enumerate(texts):
        line = "- " + _CONTROL.sub(" ", text)[:PROBLEM_LIMIT]
        size += len(json.dumps(line))
        if size > MESSAGE_LIMIT:
            yield f"- and {len(texts) - number} more"
            return
        yield line


class ForeignResourceError(BivouacError):
    """A resource has a name that we need, but not our tags (D18). Nothing is touched."""


class SupersededError(BivouacError):
    """A newer execution owns the environment: this one must no longer change anything (W17)."""


class EnvironmentNotFoundError(BivouacError):
    """There is no record of that environment: this stack never created it."""


class NotDeletedError(BivouacError):
    """An earlier deletion left something behind; delete again before creating."""


class RecordTooNewError(BivouacError):
    """A newer version wrote the record, and this one may not be able to read it. Nothing is
    changed."""


class LeaseChangedError(BivouacError):
    """The lease does not end when the request to extend it expects. Nothing is changed."""


class NotAsleepError(BivouacError):
    """Tasks of an environment that is going to sleep still run. Not retried."""


class UnansweredRequestError(BivouacError):
    """A request by an event or a schedule was refused or failed, and no caller sees it.

    Lambda retries; then it is among the undelivered events, with the reason."""


class DeletionIncompleteError(BivouacError):
    """Something of the environment is left; the receipt is written, and the schedule will retry.

    Not retried by the machine: the execution fails with it."""

    def __init__(self, environment: str, left: Sequence[str]) -> None:
        super().__init__(f"{len(left)} resource(s) of {environment} are left:", left)


class SweepIncompleteError(BivouacError):
    """Some of a sweep's findings could not be repaired; all others were.

    Lambda retries; then the event is among the undelivered ones."""

    def __init__(self, failed: Sequence[str]) -> None:
        super().__init__(f"{len(failed)} finding(s) could not be repaired:", failed)


class NamespaceFailedError(BivouacError):
    """Cloud Map accepted the namespace but failed to create it (N04)."""


class ClusterFailedError(BivouacError):
    """The cluster or its Service Connect attachment failed (C02)."""


class NotProvenError(BivouacError):
    """An endpoint has no check that is OK. The environment does not become READY."""


class ServiceDrainingError(BivouacError):
    """A deleted service of the same name still drains (S02). It is polled until it is gone."""


class ThrottledError(BivouacError):
    """AWS throttles the call, even if it says so in another error (S03, S20). Retried."""


class UnavailableError(BivouacError):
    """AWS failed or did not answer; the outcome is unknown and will be read (S21). Retried."""


class NotYetConsistentError(BivouacError):
    """Something just created is not visible yet (C01, C04, C08, S04, S05, S16). Retried."""


class AccessDeniedError(BivouacError):
    """The function's role lacks the right. Not retried (S22)."""


class RefusedByAwsError(BivouacError):
    """AWS refuses the call for good; the message is AWS's own. Not retried."""


REFUSALS = frozenset(
    error.__name__
    for error in (
        InvalidRequestError,
        EnvironmentNotFoundError,
        ForeignResourceError,
        NotDeletedError,
        LeaseChangedError,
        RecordTooNewError,
    )
)
"""The errors that the state machines report as a refusal: the execution has changed nothing."""

RETRIED = (ThrottledError, UnavailableError, NotYetConsistentError)
"""The errors that every Task retries, besides Lambda's own transient errors."""

ANSWERS = frozenset(("DeploymentFailedError", "ConnectivityError"))
"""The error names that polls give to a failure of what runs in an environment."""


def is_fault(name: str) -> bool:
    """Whether the error says nothing about the request: the execution itself broke.

    That is Lambda's and Step Functions' own errors, none at all (a timeout), and AWS's errors that
    were retried in vain."""
    ours = {each.__name__ for each in BivouacError.__subclasses__()}
    return name not in (ours - {each.__name__ for each in RETRIED}) | ANSWERS
