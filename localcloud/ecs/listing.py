"""The answers of List and Describe operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from localcloud.ecs import errors
from localcloud.paging import InvalidTokenError, page


class Named(Protocol):
    @property
    def arn(self) -> str: ...


Record = TypeVar("Record", bound=Named)


def find(records: Mapping[str, Record], identifier: str) -> Record | None:
    """By name or id, or by ARN."""
    record = records.get(identifier.rsplit("/", 1)[-1])
    if record is None or (identifier.startswith("arn:") and identifier != record.arn):
        return None
    return record


def described(
    member: str,
    identifiers: Sequence[str],
    records: Mapping[str, Record],
    describe: Callable[[Record], dict[str, Any]],
    arn_of: Callable[[str], str],
    *,
    most: int,
) -> dict[str, Any]:
    """`member` with what there is, and `failures` for the rest. `arn_of`: the ARN of a name."""
    if len(identifiers) > most:
        raise errors.invalid_parameter(
            f"{member.capitalize()} cannot have more than {most} elements."
        )
    answer: dict[str, Any] = {member: [], "failures": []}
    for identifier in identifiers:
        if (record := find(records, identifier)) is not None:
            answer[member].append(describe(record))
        else:
            arn = arn_of(identifier.rsplit("/", 1)[-1])
            answer["failures"].append({"arn": arn, "reason": "MISSING"})
    return answer


def one_page(
    member: str,
    items: Iterable[str],
    request: dict[str, Any],
    *,
    default: int,
    key: Callable[[str], str] = str,
    descending: bool = False,
) -> dict[str, Any]:
    """`member` with one page of `items`, and the nextToken. maxResults is from 1 to 100."""
    size = request.get("maxResults", default)
    if not 1 <= size <= 100:
        raise errors.invalid_parameter("maxResults must be between 1 and 100.")
    try:
        found, token = page(items, key, size, request.get("nextToken"), descending=descending)
    except InvalidTokenError as error:
        raise errors.invalid_parameter("Invalid token") from error
    answer: dict[str, Any] = {member: found}
    return answer if token is None else {**answer, "nextToken": token}
