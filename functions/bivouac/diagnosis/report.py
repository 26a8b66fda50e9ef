"""Verdicts as the plain text of an execution's cause, as people read it in the console. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence

from bivouac.diagnosis.redaction import redacted
from bivouac.diagnosis.service_verdicts import EVIDENCE_LENGTH, Verdict

LIMIT = 14_000
"""Bytes as JSON: the record and an execution's state hold it. Step Functions cuts a cause at 32,768
characters (W08), also the one that whoever waits for an execution gets: its whole description as
JSON, in which a character may take two."""
_REASON = 200


def report(verdicts: Sequence[Verdict], log_lines: Sequence[str]) -> str:
    """The first verdict in full, one line for each other; at least one verdict.

    The first line says what failed and why. `log_lines` are the end of the first one's log, as
    redaction.last_lines gives them."""
    first, *others = verdicts
    lines = [_headline(first)]
    lines += [f"  evidence: {redacted(entry, EVIDENCE_LENGTH)}" for entry in first.evidence]
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
    """Two causes in the room of one; where it is too small, the longer one is cut."""
    room = LIMIT - _bytes("\n\n")
    first = fitting(first, max(room // 2, room - _bytes(second)))
    return f"{first}\n\n{fitting(second, room - _bytes(first))}"


def fitting(text: str, limit: int = LIMIT) -> str:
    """As much of the beginning as takes so many bytes as JSON."""
    if _bytes(text) <= limit:
        return text
    ends = range(len(text) + 1)
    return text[: bisect_right(ends, limit, key=lambda end: _bytes(text[:end])) - 1]


def _bytes(text: str) -> int:
    """Without its quotation marks."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _headline(verdict: Verdict) -> str:
    reason = redacted(next(iter(verdict.evidence), ""), _REASON)
    return f"{verdict.service}: {verdict.category}" + (f": {reason}" if reason else "")
