"""What an environment does otherwise than its request says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal["dropped", "replaced", "takenOver"]


@dataclass(frozen=True)
class Note:
    """One field that is not used as it was written."""

    what: What
    path: str
    """As the user wrote it."""
    why: str
    """What is used instead, or why nothing is. Never the value of a variable."""
