"""How the program ends: one exit code for each outcome, and one clear line."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    """The diagnosis was printed."""
    REFUSED = 2
    """Refused or wrongly called; nothing was changed."""
    STILL_RUNNING = 3
    """The time was over, or somebody pressed Ctrl-C; the environment goes on."""
    SUPERSEDED = 4
    """Something newer was wanted of the environment."""
    NOT_FOUND = 5
    """No rights, no stack, or no such environment."""


class CommandError(Exception):
    """Ends the program with this message and exit code."""

    def __init__(self, exit_code: Exit, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class NoRegionError(CommandError):
    """Neither an option nor the profile names a Region."""

    def __init__(self) -> None:
        super().__init__(Exit.NOT_FOUND, "No Region is set: name one with --region")


_OF_ERRORS = {
    "InvalidRequestError": Exit.REFUSED,
    "ForeignResourceError": Exit.REFUSED,
    "NotDeletedError": Exit.REFUSED,
    "LeaseChangedError": Exit.REFUSED,
    "RecordTooNewError": Exit.REFUSED,
    "SupersededError": Exit.SUPERSEDED,
    "StoppedError": Exit.SUPERSEDED,
    "EnvironmentNotFoundError": Exit.NOT_FOUND,
}


def exit_of(error: str) -> Exit:
    """Of an error of the stack, by its name."""
    return _OF_ERRORS.get(error, Exit.FAILED)
