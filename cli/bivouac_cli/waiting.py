"""Waits for an execution, or for an environment's status. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from bivouac_cli.durations import words_of
from bivouac_cli.ending import CommandError, Exit
from bivouac_cli.screen import Screen
from bivouac_cli.stack import Execution, Json, Stack

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two polls: a tenth of the time waited so far, within these."""

GOING_DOWN = ("DELETING", "DELETED", "NOT_DELETED")

Found = TypeVar("Found")


@dataclass
class Wait:
    """For one environment, at most this many seconds."""

    stack: Stack
    screen: Screen
    name: str
    seconds: int
    come_back: str
    """The command that continues where this one ended."""
    _shown: Json | None = field(default=None, init=False)
    _standing: Json | None = field(default=None, init=False)
    """As last seen before a deletion began."""

    def until_over(self, arn: str) -> Execution:
        """Raises CommandError, STILL_RUNNING."""

        def look() -> Execution | None:
            execution = self.stack.execution(arn)
            if not execution.is_over:
                self._show(self.stack.find(self.name))
            return execution if execution.is_over else None

        return self._until(look)

    def until_taken(self, arn: str) -> Execution:
        """Until the environment is the execution's, or the execution is over."""

        def look() -> Execution | None:
            execution = self.stack.execution(arn)
            found = None if execution.is_over else self.stack.find(self.name)
            taken = found is not None and found["execution"]["arn"] == arn
            return execution if execution.is_over or taken else None

        return self._until(look)

    def until(self, settled: Callable[[Json], bool]) -> Json:
        """Returns the status document that meets the condition."""

        def look() -> Json | None:
            found = self.stack.describe(self.name)
            if settled(found):
                return found
            self._show(found)
            return None

        return self._until(look)

    def before(self, found: Json | None) -> Json | None:
        """`found`, or as it was before the deletion that follows a failure began."""
        if found is None or found["status"] in GOING_DOWN:
            return self._standing
        return found

    def _show(self, found: Json | None) -> None:
        """Progress of somebody's execution; before that, nothing here."""
        self._standing = self.before(found)
        if found and found["doing"]:
            self.screen.progress(self._shown, found)
            self._shown = found

    def _until(self, look: Callable[[], Found | None]) -> Found:
        ends, pause, paused = time.monotonic() + self.seconds, FIRST_PAUSE, 0.0
        with self._interruptible(), self.screen.working(self.name):
            while (found := look()) is None:
                left = ends - time.monotonic()
                if left <= 0:
                    raise self._still_running(f"after {words_of(self.seconds)}")
                time.sleep(min(pause, left))
                paused += pause
                pause = min(max(FIRST_PAUSE, paused / 10), LONGEST_PAUSE)
            return found

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise self._still_running("and goes on") from None

    def _still_running(self, when: str) -> CommandError:
        return CommandError(
            Exit.STILL_RUNNING,
            f"{self.name} is still under way {when}. Come back: {self.come_back}",
        )
