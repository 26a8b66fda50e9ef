"""What somebody asks of the environments: one by its name, or a page of all. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bivouac.environment import naming
from bivouac.environment.record import Status, Summary
from bivouac.errors import InvalidRequestError
from bivouac.status.word import STATUS_WORDS, status_word

LARGEST_PAGE = 100
_FIELDS: Mapping[str, type] = {
    "environment": str,
    "status": str,
    "owner": str,
    "pullRequest": dict,
    "limit": int,
    "nextToken": str,
}
_KINDS = {str: "a text", int: "a number", dict: "an object with repository and number"}


@dataclass(frozen=True)
class Question:
    environment: str | None
    """None: a page of all that pass the filters."""
    status: str | None
    owner: str | None
    pull_request: Mapping[str, Any] | None
    limit: int
    after: str | None
    """The environment behind which the page begins."""

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Raises InvalidRequestError, with every problem at once."""
        if found := list(_problems(event)):
            raise InvalidRequestError(found)
        token = event.get("nextToken")
        return cls(
            environment=event.get("environment"),
            status=event.get("status"),
            owner=event.get("owner"),
            pull_request=event.get("pullRequest"),
            limit=event.get("limit", LARGEST_PAGE),
            after=_environment_of(token) if token else None,
        )

    def wants(self, summary: Summary) -> bool:
        named = summary.triggers.get("pullRequest") or {}
        return (
            self.status in (None, status_word(summary.status, summary.verb))
            and self.owner in (None, summary.owner)
            and (
                self.pull_request is None
                or all(named.get(key) == value for key, value in self.pull_request.items())
            )
        )


def token_after(environment: str) -> str:
    return base64.urlsafe_b64encode(environment.encode()).decode()


def _environment_of(token: str) -> str | None:
    """None where no page ended with such a token."""
    try:
        name = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return name if naming.is_environment_name(name) else None


def _problems(event: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: unknown field" for name in event if name not in _FIELDS)
    of_kind = {name: event[name] for name, kind in _FIELDS.items() if type(event.get(name)) is kind}
    for name, kind in _FIELDS.items():
        if event.get(name) is not None and name not in of_kind:
            yield f"{name}: must be {_KINDS[kind]}"
    if "environment" in of_kind:
        if not naming.is_environment_name(of_kind["environment"]):
            yield f"environment: {of_kind['environment']!r} is not an environment name"
        yield from (
            f"{name}: of a list, not of one environment"
            for name in of_kind.keys() - {"environment"}
        )
    if of_kind.get("status", Status.READY) not in STATUS_WORDS:
        yield f"status: must be one of {', '.join(STATUS_WORDS)}"
    if of_kind.get("status") == Status.DELETED:
        yield "status: a list has no DELETED environments; ask for one by its name"
    if not 1 <= of_kind.get("limit", 1) <= LARGEST_PAGE:
        yield f"limit: must be 1 to {LARGEST_PAGE}"
    if "nextToken" in of_kind and _environment_of(of_kind["nextToken"]) is None:
        yield "nextToken: no page ended with it; begin again without one"
    if "pullRequest" in of_kind:
        yield from _pull_request_problems(of_kind["pullRequest"])


def _pull_request_problems(named: Mapping[str, Any]) -> Iterator[str]:
    if named.keys() != {"repository", "number"}:
        yield "pullRequest: must have repository and number, and nothing else"
    elif type(named["repository"]) is not str or type(named["number"]) is not int:
        yield "pullRequest: repository must be a text, and number a number"
