"""How many right answers in a row prove an endpoint, and when a wrong one is final. Pure but for
the clock.

The first answers of a new proxy may fail (P07, H23). A failure after a right answer is another
matter: the application, or one of its processes, fails now and then, and its callers do not see it
because their proxies try again. Each such failure doubles the row.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from bivouac.redaction.text import redacted

IN_A_ROW = 3
WINDOW_SECONDS = 15.0
"""How long an endpoint may take to prove itself within one probe."""
SETTLED_SECONDS = 10.0
"""An application that has given the same wrong answer for so long has started, and means it."""
UNSTEADY = 3
"""Failures between right answers that are final, if the window ends without the row."""
PAUSE_SECONDS = 0.3
TEXT_LIMIT = 160
"""Characters of a text by a server or the system."""


@dataclass(frozen=True)
class Answer:
    good: bool
    observed: str
    by_application: bool = False
    """A wrong answer that the application itself gave, and that more time alone does not change."""
    final: bool = False

    @classmethod
    def bad(cls, observed: str) -> Answer:
        return cls(False, redacted(observed, TEXT_LIMIT))


def in_a_row(ask: Callable[[], Answer]) -> Answer:
    """The last answer: after enough right ones in a row, at the first final one, or at the end of
    the window."""
    began = time.monotonic()
    row, needed, failures, worst = 0, IN_A_ROW, 0, ""
    since: tuple[str, float] = ("", began)
    """The wrong answer that the application gives, and since when."""
    while True:
        answer, now = ask(), time.monotonic()
        if answer.good:
            row += 1
        elif row:
            failures, needed, row, worst = failures + 1, needed * 2, 0, answer.observed
        if row == needed:
            return Answer(True, told(answer.observed, needed, failures))
        said = answer.observed if answer.by_application else ""
        if said != since[0]:
            since = (said, now)
        if said and now - since[1] >= SETTLED_SECONDS:
            return Answer(False, answer.observed, by_application=True, final=True)
        if now - began >= WINDOW_SECONDS:
            return _of_window(answer, failures, worst)
        if not answer.good:
            time.sleep(random.uniform(PAUSE_SECONDS / 2, PAUSE_SECONDS))


def told(observed: str, needed: int = IN_A_ROW, failures: int = 0) -> str:
    """Of an endpoint that is proven; `failures`: between right answers."""
    between = f" ({failures} failed between)" if failures else ""
    return f"{observed}, {needed} times in a row{between}"


def _of_window(last: Answer, failures: int, worst: str) -> Answer:
    if not failures:
        return Answer(False, last.observed)
    times = "time" if failures == 1 else "times"
    said = f"{worst}, {failures} {times} between right answers"
    return Answer(False, said, by_application=failures >= UNSTEADY, final=failures >= UNSTEADY)
