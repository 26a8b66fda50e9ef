"""Tries many outcomes from one point, in forked copies of this process: everything before a fault
runs once for all faults, and no fault sees what another one left.
"""

from __future__ import annotations

import gc
import os
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class _EnoughCopiesError(BaseException):
    """Ends the original's way through the block: nothing is left to be tried on it."""


class Copies:
    """Created by `copies`; everything that is tried ends at the end of its block."""

    def __init__(self) -> None:
        self._failures: list[str] = []
        self._report: int | None = None
        """Where a copy reports its failure; None in the original."""

    def is_copy(self, title: str) -> bool:
        """Forks: True in a copy; False in the original, once the copy has ended.

        `title` says what the copy tries, in case it fails."""
        assert threading.current_thread() is threading.main_thread(), "a copy has one thread only"
        reading, report = os.pipe()
        process = _forked()
        if process == 0:
            os.close(reading)
            self._report = report
            gc.disable()  # collecting would copy all memory, and the copy ends soon
            return True
        os.close(report)
        with open(reading, encoding="utf-8") as failure:  # noqa: PTH123 (a descriptor)
            text = failure.read()
        _, status = os.waitpid(process, 0)
        if text or status:
            self._failures.append(f"{title}\n{text or f'the copy ended with status {status}'}")
        return False

    def no_more(self) -> None:
        """Leaves the block: the original has nothing more to do in it. A copy goes on."""
        if self._report is None:
            raise _EnoughCopiesError

    def _end(self, failure: BaseException | None) -> NoReturn:
        """Ends a copy without running anything else of this test run, which would then run
        twice."""
        assert self._report is not None
        if failure is not None:
            os.write(self._report, "".join(traceback.format_exception(failure)).encode())
        os._exit(0 if failure is None else 1)


@contextmanager
def copies() -> Iterator[Copies]:
    """A block that forked copies also run; fails with what failed in any of them.

    A copy does not leave the block: the original undoes what must be undone outside of it."""
    made = Copies()
    failure: BaseException | None = None
    try:
        yield made
    except _EnoughCopiesError:
        pass
    except BaseException as error:
        if made._report is None:
            raise
        failure = error
    if made._report is not None:
        made._end(failure)
    if made._failures:
        raise AssertionError("\n\n".join(made._failures))


def _forked() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns about other threads; the test runner's hold no lock that is used.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
