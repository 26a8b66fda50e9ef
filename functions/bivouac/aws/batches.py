"""Splits lists for AWS calls that accept a limited number of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` entries, in order (itertools.batched came with Python 3.12)."""
    listed = list(entries)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
