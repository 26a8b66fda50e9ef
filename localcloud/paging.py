"""Pages of a listing, as AWS cuts them: in a stable order, continued by an opaque token.

A token names the last item returned, not a position, so that a creation or deletion between two
pages neither hides nor repeats other items.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


class InvalidTokenError(ValueError):
    """A next token that no page has returned. Each service answers with its own error."""


def page(
    items: Iterable[Item],
    key: Callable[[Item], str],
    size: int,
    token: str | None,
    *,
    descending: bool = False,
) -> tuple[list[Item], str | None]:
    """At most `size` items after the one that `token` names, and the next page's token."""
    ordered = sorted(items, key=key, reverse=descending)
    if token is not None:
        last = _decoded(token)
        ordered = [i for i in ordered if (key(i) < last if descending else key(i) > last)]
    rest = ordered[size:]
    return ordered[:size], _encoded(key(ordered[size - 1])) if rest else None


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidTokenError(token) from error
