"""Asks until a row of right answers is long enough (edge_rules.py), and says when a wrong one is
final. Pure but for the clock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bivouac.proof.edge_rules import IN_A_ROW, Row
from bivouac.proof.fault import Fault
from bivouac.redaction.text import redacted

WINDOW_SECONDS = 15.0
"""How long an endpoint may take to begin the row that proves it, within one probe."""
LONGEST_SECONDS = 30.0
"""How long it may take to end it: an application that takes 3 s for each answer needs 24 s."""
UNSTEADY = 3
"""Failures after right answers by which a server that never gives the row is called unsteady."""
PAUSE_SECONDS = 0.3
TEXT_LIMIT = 160
"""Characters of a text by a server or the system."""


@dataclass(frozen=True)
class Answer:
    good: bool
    observed: str
    fault: Fault | None = None
    """Set if and only if it is not good."""
    status: int | None = None
    """The HTTP status, if the fault is one."""
    by_application: bool = False
    """A wrong answer that the application itself gave, and that more time alone does not change."""
    final: bool = False

    @classmethod
    def bad(cls, observed: str) -> Answer:
        return cls(False, redacted(observed, TEXT_LIMIT), Fault.NO_ANSWER)


def in_a_row(ask: Callable[[], Answer], needed: int = IN_A_ROW) -> Answer:
    """The last answer: after enough right ones in a row, at the first final one, or at the end of
    the window."""
    began = time.monotonic()
    row, worst = Row(needed), Answer(False, "")
    while True:
        answer, now = ask(), time.monotonic()
        if row.add(answer.good):
            return Answer(True, told(answer.observed, row.needed, row.failures))
        if row.failures and not answer.good:
            worst = answer
        if row.settled(answer.observed if answer.by_application else "", now):
            return replace(answer, final=True)
        if now - began >= (LONGEST_SECONDS if row.right else WINDOW_SECONDS):
            return _of_window(answer, row, worst.observed)
        if not answer.good:
            time.sleep(random.uniform(PAUSE_SECONDS / 2, PAUSE_SECONDS))


def told(observed: str, needed: int = IN_A_ROW, failures: int = 0) -> str:
    """Of an endpoint that is proven; `failures`: between right answers."""
    between = f" ({failures} failed between)" if failures else ""
    return f"{observed}, {needed} times in a row{between}"


def unsteady(failures: int, asked: int, worst: str) -> str:
    """Of a server that answers now right, now wrong; `asked` counts from the first right answer."""
    return f"answers differently each time, {failures} of {asked} failed after a right one: {worst}"


def _of_window(last: Answer, row: Row, worst: str) -> Answer:
    if not row.failures:
        fault = last.fault or Fault.NO_ANSWER  # right, but too slowly
        return replace(last, good=False, fault=fault, by_application=False)
    if row.failures < UNSTEADY:
        times = "time" if row.failures == 1 else "times"
        said = f"{worst}, {row.failures} {times} between right answers"
        return Answer(False, said, Fault.UNSTEADY)
    said = unsteady(row.failures, row.asked, worst)
    return Answer(False, said, Fault.UNSTEADY, by_application=True, final=True)
