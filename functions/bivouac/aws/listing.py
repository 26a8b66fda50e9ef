"""Reads AWS's lists to their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bivouac.aws.errors import translated


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
