"""What a check has found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "OK"
    NG = "NG"
    """It will not work."""
    SKIPPED = "SKIPPED"
    """It cannot be known; the reason says why."""


@dataclass(frozen=True)
class Finding:
    check: str
    verdict: Verdict
    reason: str
    mend: str = ""
    """The command that makes an NG OK."""

    def to_json(self) -> dict[str, str | None]:
        return {
            "check": self.check,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "mend": self.mend or None,
        }


def ok(check: str, reason: str) -> Finding:
    return Finding(check, Verdict.OK, reason)


def ng(check: str, reason: str, mend: str) -> Finding:
    return Finding(check, Verdict.NG, reason, mend)


def skipped(check: str, reason: str) -> Finding:
    return Finding(check, Verdict.SKIPPED, reason)


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    for each in findings:
        yield f"{each.verdict:<7}  {each.check}: {each.reason}"
        yield from (f"         mend: {line}" for line in each.mend.splitlines())
