"""A question about environments: one by its name, or a page of all. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bivouac.commands import inputs
from bivouac.environment import naming
from bivouac.environment.record import Status, Summary
from bivouac.json_types import Json
from bivouac.status.word import STATUS_WORDS, status_word

LARGEST_PAGE = 100


def _status(word: str) -> None:
    if word not in STATUS_WORDS:
        raise ValueError(f"must be one of {', '.join(STATUS_WORDS)}")
    if word == Status.DELETED:
        raise ValueError("a list has no DELETED environments; ask for one by its name")


def _limit(path: str, given: Any, now: datetime) -> Iterator[str]:
    found = list(inputs.number(path, given, now))
    yield from found
    if not found and not 1 <= given <= LARGEST_PAGE:
        yield f"{path}: must be 1 to {LARGEST_PAGE}"


def _token(token: str) -> None:
    if _environment_of(token) is None:
        raise ValueError("no page ended with it; begin again without one")


def _one_or_a_list(given: Json) -> Iterator[tuple[str, str]]:
    if "environment" in given:
        for name in given.keys() - {"environment"}:
            yield name, "of a list, not of one environment"


_QUESTION = inputs.Fields(
    {
        "environment": inputs.text(read=naming.environment_name),
        "status": inputs.text(read=_status),
        "owner": inputs.text(),
        "pullRequest": inputs.Fields(
            {"repository": inputs.text(), "number": inputs.number}, ("repository", "number")
        ),
        "limit": _limit,
        "nextToken": inputs.text(read=_token),
    },
    together=_one_or_a_list,
)


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
    def of(cls, event: Any, now: datetime) -> Self:
        """Raises InvalidRequestError, with every problem at once."""
        if (
            isinstance(event, dict) and event.get("nextToken", "") is None
        ):  # as the last page has it
            event = {name: value for name, value in event.items() if name != "nextToken"}
        inputs.require(_QUESTION, event, now)
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
    """None if no page ended with such a token."""
    try:
        name = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return name if naming.is_environment_name(name) else None
