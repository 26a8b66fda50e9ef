"""Why an endpoint or an edge is not proven: what a call of it has shown."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    NAME = "NAME"
    """The alias does not resolve in the task."""
    CONNECTION = "CONNECTION"
    """Nothing was reached: timed out, or the proxy found no server behind the alias."""
    NO_ANSWER = "NO_ANSWER"
    """The server was reached, but nothing answers there in the protocol: its proxy says so, or the
    connection is refused or closed."""
    STATUS = "STATUS"
    """The answer has an unexpected status."""
    UNSTEADY = "UNSTEADY"
    """It answers now right, now wrong."""
    EXIT_CODE = "EXIT_CODE"
    """The program of an edge did not end by itself: the image cannot run it, or it was killed."""
    NEVER_RAN = "NEVER_RAN"
    """The task stopped before the edge was called."""
