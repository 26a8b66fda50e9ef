"""One word for what an environment is. Pure."""

from __future__ import annotations

from bivouac.environment.intents import Verb
from bivouac.environment.record import Status

WAKING = "WAKING"
"""CREATING by a wake of an environment that was READY before."""
STATUS_WORDS = (*Status, WAKING)


def status_word(status: Status, verb: Verb) -> str:
    return WAKING if status is Status.CREATING and verb is Verb.WAKE else str(status)
