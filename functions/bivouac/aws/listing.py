"""Reads AWS's lists to their end, and splits those that a call takes only in part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from bivouac.aws.errors import translated

T = TypeVar("T")


def pages(what: str, client: Any, operation: str, member: str, **arguments: Any) -> Iterator[Any]:
    """The entries of one page after the other, which is read when it is needed.

    `operation` as botocore names it, such as list_tasks; `member`: the answer's member that holds
    the entries. `what`: what errors are about."""
    with translated(what):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page[member]


def list_all(what: str, client: Any, operation: str, member: str, **arguments: Any) -> list[Any]:
    """The entries of all pages."""
    return list(pages(what, client, operation, member, **arguments))


def batches(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` entries, in order (itertools.batched came with Python 3.12)."""
    listed = list(entries)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
