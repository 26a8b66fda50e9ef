"""Renders verdicts as an execution's cause, the plain text that the console shows. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence

from bivouac.diagnosis import excerpt
from bivouac.diagnosis.service_verdicts import EVIDENCE_LENGTH, Verdict

LIMIT = 14_000
"""Bytes as JSON, because the record and an execution's state hold it. Step Functions cuts a cause
at 32,768 characters (W08). A caller that waits for an execution gets the execution's whole
description as JSON in a cause, in which a character may take two."""
_REASON = 200


def report(verdicts: Sequence[Verdict], log_lines: Sequence[str]) -> str:
    """The first verdict in full, and a line for each other one; at least one verdict.

    The first line says what failed and why. `log_lines` are the end of the first verdict's log, as
    redaction.text.last_lines returns it."""
    first, *others = verdicts
    lines = [_headline(first)]
    lines += [
        f"  evidence: {excerpt.shortened(entry, EVIDENCE_LENGTH)}" for entry in first.evidence
    ]
    if log_lines:
        lines.append(f"  last lines of {first.container or 'the container'}:")
        lines += [f"    {line}" for line in log_lines]
    lines.append(f"  next step: {first.next_step}")
    text = "\n".join(lines)
    for number, other in enumerate(others):
        line = f"\nalso {_headline(other)}"
        more = f"\nand {len(others) - number} more"
        if _bytes(text + line + more) > LIMIT:
            return fitting(text, LIMIT - len(more)) + more
        text += line
    return fitting(text)


def together(first: str, second: str) -> str:
    """Two causes within the limit of one; the longer one is cut if necessary."""
    room = LIMIT - _bytes("\n\n")
    first = fitting(first, max(room // 2, room - _bytes(second)))
    return f"{first}\n\n{fitting(second, room - _bytes(first))}"


def fitting(text: str, limit: int = LIMIT) -> str:
    """As much of the beginning as fits into `limit` bytes as JSON."""
    if _bytes(text) <= limit:
        return text
    ends = range(len(text) + 1)
    return text[: bisect_right(ends, limit, key=lambda end: _bytes(text[:end])) - 1]


def _bytes(text: str) -> int:
    """The size as JSON, without the quotation marks."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _headline(verdict: Verdict) -> str:
    reason = excerpt.shortened(next(iter(verdict.evidence), ""), _REASON)
    return f"{verdict.service}: {verdict.category}" + (f": {reason}" if reason else "")
