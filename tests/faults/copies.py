"""What would follow from here, tried in copies of this process: the moment before a fault is
reached once for all the faults that are to hit it, and what one of them leaves is seen by no other.
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
    """Ends the original's way through the block: nothing on it is left to be tried."""


class Copies:
    """Made by `copies`; everything that is tried ends at the end of its block."""

    def __init__(self) -> None:
        self._failures: list[str] = []
        self._report: int | None = None
        """Where a copy tells its failure; None in the original."""

    def is_copy(self, title: str) -> bool:
        """Go on twice from here: True in a copy; False in the original, once the copy has ended.

        `title` says what the copy tries, should it fail."""
        assert threading.current_thread() is threading.main_thread(), "a copy has one thread only"
        told, report = os.pipe()
        process = _forked()
        if process == 0:
            os.close(told)
            self._report = report
            gc.disable()  # a copy is gone before it would pay, and all memory would be copied
            return True
        os.close(report)
        with open(told, encoding="utf-8") as failure:  # noqa: PTH123 (a descriptor)
            text = failure.read()
        _, status = os.waitpid(process, 0)
        if text or status:
            self._failures.append(f"{title}\n{text or f'the copy ended with status {status}'}")
        return False

    def no_more(self) -> None:
        """Leave the block: the original has nothing more to do in it. A copy goes on."""
        if self._report is None:
            raise _EnoughCopiesError

    def _end(self, failure: BaseException | None) -> NoReturn:
        """End a copy without a trace of this test run: no other code of it may see two of it."""
        assert self._report is not None
        if failure is not None:
            os.write(self._report, "".join(traceback.format_exception(failure)).encode())
        os._exit(0 if failure is None else 1)


@contextmanager
def copies() -> Iterator[Copies]:
    """A block that copies of this process go through, too; fails with what failed in any of them.

    A copy does not leave the block: what must be undone outside of it is done by the original."""
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
        # Python 3.12 warns of other threads; those of the test runner hold nothing that is used.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
