"""One named check with what was observed, as outputs and diagnoses show it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckOutcome(StrEnum):
    OK = "OK"
    NG = "NG"
    SKIP = "SKIP"


@dataclass(frozen=True)
class Check:
    """One named check with what was observed."""

    service: str
    name: str
    outcome: CheckOutcome
    observed: str
    endpoint: str = ""
    """The port name of the endpoint concerned, if there is one."""

    def to_json(self) -> dict[str, str]:
        return dict(vars(self))


def check(service: str, name: str, holds: bool, observed: str) -> Check:
    return Check(service, name, CheckOutcome.OK if holds else CheckOutcome.NG, observed)


def not_proven(service: str, why: str) -> Check:
    """Of a service of which READY proves only that its tasks run."""
    return Check(service, "not proven", CheckOutcome.SKIP, why)


SHOWN = 3
"""The number of addresses that a check shows; the others are counted, so that its length is
bounded."""


def few(texts: Sequence[str], between: str = ", ", shown: int = SHOWN) -> str:
    """The first few texts, and how many more there are."""
    more = len(texts) - shown
    return between.join(texts[:shown]) + (f" and {more} more" if more > 0 else "")
