"""One page of an ECS listing; maxResults from 1 to 100."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from localcloud.ecs import errors
from localcloud.paging import InvalidTokenError, page


def one_page(
    member: str,
    items: Iterable[str],
    request: dict[str, Any],
    *,
    default: int,
    key: Callable[[str], str] = str,
    descending: bool = False,
) -> dict[str, Any]:
    """A List operation's answer: `member` with one page of `items`, and the nextToken."""
    size = request.get("maxResults", default)
    if not 1 <= size <= 100:
        raise errors.invalid_parameter("maxResults must be between 1 and 100.")
    try:
        found, token = page(items, key, size, request.get("nextToken"), descending=descending)
    except InvalidTokenError as error:
        raise errors.invalid_parameter("Invalid token") from error
    answer: dict[str, Any] = {member: found}
    return answer if token is None else {**answer, "nextToken": token}
