"""How a step creates where nothing can be there yet: without looking first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bivouac.errors import NotYetConsistentError

Answer = TypeVar("Answer")


def created(create: Callable[[bool], Answer], *, fresh: bool) -> Answer:
    """What `create(look)` answers. In a fresh environment it is first asked not to look.

    Where AWS then says that something exists, it is this step's own, made before it was killed or
    its answer lost (S01, S21), or somebody else's: only a look can tell."""
    if fresh:
        try:
            return create(False)
        except NotYetConsistentError:
            pass
    return create(True)
