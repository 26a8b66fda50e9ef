"""The errors that end a step. The class name is the error name that the state machines catch.

"Not yet" is never an error: a step returns it as a status and the machine waits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

MESSAGE_LIMIT = 20_000
"""As JSON. Step Functions cuts a cause, in which Lambda puts a stack trace as well, at 32,768
characters, and what is cut is no JSON any more."""
TEXT_LIMIT = 4_000
"""Characters of any other message: a deletion's state can hold several."""
PROBLEM_LIMIT = 1_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class BivouacError(Exception):
    """A step cannot go on. The message says what is wrong, where, and what to do."""

    def __init__(self, message: str = "", limit: int = TEXT_LIMIT) -> None:
        super().__init__(message if len(message) <= limit else f"{message[:limit]}...")


class InvalidRequestError(BivouacError):
    """The execution's input cannot be used. Raised before anything is created; nobody retries."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        listed = "\n".join(_bounded(self.problems))
        said = f"{count} problem{'s' if count != 1 else ''} in the request:\n{listed}"
        super().__init__(said, limit=len(said))


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
    """A resource has a name that we need and does not carry our tags (D18). Nothing is touched."""


class SupersededError(BivouacError):
    """A newer execution owns the environment: this one must not change anything any more (W17)."""


class EnvironmentNotFoundError(BivouacError):
    """No record of that environment: it was never created by this stack."""


class NotDeletedError(BivouacError):
    """An earlier deletion left something behind; delete again before creating."""


class RecordTooNewError(BivouacError):
    """A newer stack wrote the record, and this code may not understand it. Nothing is changed."""


class LeaseChangedError(BivouacError):
    """The lease ends at another moment than whoever asks to extend it knows. Nothing is changed."""


class NotAsleepError(BivouacError):
    """Tasks of an environment that is falling asleep still run. Nobody retries."""


class UnansweredRequestError(BivouacError):
    """What an event or a schedule asked for was refused, and nobody waits for the answer.

    Lambda tries again, then it is among the undelivered events, with the reason."""


class DeletionIncompleteError(BivouacError):
    """Something of the environment is left; the receipt is written and the schedule tries again.

    Nobody retries: the execution fails with it."""

    def __init__(self, environment: str, left: Sequence[str]) -> None:
        listed = "\n".join(_bounded(left))
        said = f"{len(left)} resource(s) of {environment} are left:\n{listed}"
        super().__init__(said, limit=len(said))


class SweepIncompleteError(BivouacError):
    """Some of what a sweep found could not be repaired; everything else was.

    Lambda tries again, then the event is among the undelivered ones."""

    def __init__(self, failed: Sequence[str]) -> None:
        listed = "\n".join(_bounded(failed))
        said = f"{len(failed)} finding(s) could not be repaired:\n{listed}"
        super().__init__(said, limit=len(said))


class NamespaceFailedError(BivouacError):
    """Cloud Map accepted the namespace and failed afterwards (N04)."""


class ClusterFailedError(BivouacError):
    """The cluster or its Service Connect attachment failed (C02)."""


class NotProvenError(BivouacError):
    """An endpoint has no check that is OK. The environment is not called ready."""


class ServiceDrainingError(BivouacError):
    """A deleted service of the same name still drains (S02). It is looked at until it is gone."""


class ThrottledError(BivouacError):
    """AWS asks to slow down, also where it says so inside another error (S03, S20). Retried."""


class UnavailableError(BivouacError):
    """AWS failed or did not answer; the outcome is unknown and is read back (S21). Retried."""


class NotYetConsistentError(BivouacError):
    """Something that we just made is not visible yet (C01, C04, C08, S04, S05, S16). Retried."""


class AccessDeniedError(BivouacError):
    """The function's role may not do this. Nobody retries (S22)."""


class RefusedByAwsError(BivouacError):
    """AWS refuses the call for good; the message is AWS's own. Nobody retries."""


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
"""What the state machines explain as a refusal: the execution has changed nothing."""

RETRIED = (ThrottledError, UnavailableError, NotYetConsistentError)
"""What every Task of the state machines retries, besides Lambda's own transient errors."""

ANSWERS = frozenset(("DeploymentFailedError", "ConnectivityError"))
"""The names that looks give to a failure of what runs in an environment."""


def is_fault(name: str) -> bool:
    """Whether an execution that failed so says nothing of what it was about: it broke.

    Lambda's and Step Functions' own errors, none at all (a time-out), and AWS's that were tried
    again in vain."""
    ours = {each.__name__ for each in BivouacError.__subclasses__()}
    return name not in (ours - {each.__name__ for each in RETRIED}) | ANSWERS
