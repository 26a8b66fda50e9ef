"""Creates without reading first in a fresh environment, and reads on conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bivouac.errors import NotYetConsistentError

Answer = TypeVar("Answer")


def created(create: Callable[[bool], Answer], *, fresh: bool) -> Answer:
    """The result of `create(read_first)`. In a fresh environment it is called with False first.

    If AWS then answers that something exists, either this step created it before it was killed or
    its answer was lost (S01, S21), or it belongs to someone else: only reading it shows which."""
    if fresh:
        try:
            return create(False)
        except NotYetConsistentError:
            pass
    return create(True)
