"""One named check with what was observed, as outputs and diagnoses show it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from bivouac.json_types import Json
from bivouac.proof.fault import Fault


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
    fault: Fault | None = None
    """Why an endpoint did not answer rightly; of several reasons, the clearest."""
    status: int | None = None
    """The HTTP status, if the fault is one."""
    addresses: tuple[str, ...] = ()
    """The first of those that did not answer rightly."""

    @property
    def is_ng(self) -> bool:
        return self.outcome is CheckOutcome.NG

    def __str__(self) -> str:
        return f"{self.service}: {self.name}: {self.observed}"

    def to_json(self) -> Json:
        """Without what only failures have, if it is empty: a state holds many checks."""
        content = {**vars(self), "addresses": list(self.addresses)}
        return {key: value for key, value in content.items() if value or key not in _OF_FAILURES}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What an earlier version wrote has none of what only failures have."""
        fault = content.get("fault")
        return cls(
            content["service"],
            content["name"],
            CheckOutcome(content["outcome"]),
            content["observed"],
            content.get("endpoint", ""),
            Fault(fault) if fault else None,
            content.get("status"),
            tuple(content.get("addresses", ())),
        )


_OF_FAILURES = ("fault", "status", "addresses")


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
