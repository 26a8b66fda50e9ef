"""The rules for every input, event and schedule: all problems at once, each with its path.

Pure, and plain Python, because most functions start without pydantic (docs/decisions/0003). Only
the request itself, from an input or an event, is checked elsewhere, by `request`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bivouac import times
from bivouac.environment import naming
from bivouac.environment.decisions import DeletionRequest
from bivouac.environment.intents import CLOCKS_DIFFER_BY, Intent
from bivouac.errors import InvalidRequestError
from bivouac.json_types import Json
from bivouac.request.reading import untrusted

Rule = Callable[[str, Any, datetime], Iterator[str]]
"""From a path, the value there and the current time to the problems."""

LONGEST_TEXT = 1_000
"""Of a field; an execution's state holds the whole input besides its own data."""
LONGEST_ID = 256


def require(rule: Rule, content: Any, now: datetime) -> None:
    """Raises InvalidRequestError with every problem."""
    if found := problems(rule, content, now):
        raise InvalidRequestError(found)


def problems(rule: Rule, content: Any, now: datetime, path: str = "") -> list[str]:
    unreadable = untrusted.problems(content, path or "the input")
    return [*map(str, unreadable)] or list(rule(path, content, now))


def is_well_formed(rule: Rule, content: Any) -> bool:
    """Whenever it was meant."""
    return not problems(rule, content, datetime.max.replace(tzinfo=UTC) - CLOCKS_DIFFER_BY)


# --- rules ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fields:
    """An object."""

    rules: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    together: Callable[[Json], Iterator[tuple[str, str]]] | None = None
    """The paths and problems of fields that do not fit together."""
    others: bool = False
    """Whether fields without a rule are allowed: AWS may add some to its events."""

    def __call__(self, path: str, given: Any, now: datetime) -> Iterator[str]:
        if not isinstance(given, dict):
            names = ", ".join(self.required or self.rules)
            yield f"{path or 'the input'}: must be an object with the fields {names}"
            return
        for name, value in given.items():
            if name in self.rules:
                yield from self.rules[name](_inside(path, name), value, now)
            elif not self.others:
                known = ", ".join(self.rules)
                yield f"{_inside(path, name)}: unknown field; there are {known}"
        for name in self.required:
            if name not in given:
                yield f"{_inside(path, name)}: required, but missing"
        if self.together is not None:
            for name, problem in self.together(given):
                yield f"{_inside(path, name)}: {problem}"


def _inside(path: str, name: str) -> str:
    name = name or "''"
    return f"{path}.{name}" if path else name


def list_of(rule: Rule, least: int = 0) -> Rule:
    def found(path: str, given: Any, now: datetime) -> Iterator[str]:
        if not isinstance(given, list):
            yield f"{path}: must be a list"
            return
        if len(given) < least:
            yield f"{path}: must have at least {least}"
        for index, each in enumerate(given):
            yield from rule(f"{path}[{index}]", each, now)

    return found


def text(longest: int = LONGEST_TEXT, read: Callable[[str], object] | None = None) -> Rule:
    """`read` raises ValueError for a text of the wrong form."""

    def found(path: str, given: Any, now: datetime) -> Iterator[str]:
        if not isinstance(given, str):
            yield f"{path}: must be a text"
        elif not given:
            yield f"{path}: must not be empty; leave it out, or write something"
        elif len(given) > longest:
            yield f"{path}: longer than {longest:,} characters"
        elif read is not None:
            try:
                read(given)
            except ValueError as error:
                yield f"{path}: {error}"

    return found


def number(path: str, given: Any, now: datetime) -> Iterator[str]:
    if type(given) is not int:
        yield f"{path}: must be a number"


def flag(path: str, given: Any, now: datetime) -> Iterator[str]:
    if type(given) is not bool:
        yield f"{path}: must be true or false"


moment = text(read=times.moment)
"""May lie ahead by any amount: it is compared with the end of a lease, and never stored. A deletion
with an `expiresAt` after that end deletes, as it would without one; it revokes no create, and frees
the name like any other (`decisions.closing`, `deletion_of`)."""


def past_moment(path: str, given: Any, now: datetime) -> Iterator[str]:
    """When something was meant. A future time would win against everything meant until then."""
    found = list(moment(path, given, now))
    yield from found
    if not found and times.moment(given) > now + CLOCKS_DIFFER_BY:
        yield f"{path}: {given} is in the future; write when it was meant"


def text_or_object(path: str, given: Any, now: datetime) -> Iterator[str]:
    if not isinstance(given, dict):
        yield from text()(path, given, now)


def _one_end(given: Json) -> Iterator[tuple[str, str]]:
    if ("ttl" in given) == (given.get("keep") is True):
        yield "ttl", 'give either ttl, such as "8h", or "keep": true'


# --- inputs --------------------------------------------------------------------------------------

INTENT = Fields({"id": text(LONGEST_ID), "at": past_moment}, ("id", "at"))
_KNOWN: Mapping[str, Rule] = {
    "environment": text(read=naming.environment_name),
    "generation": number,
    "intent": INTENT,
}
_REASON: Mapping[str, Rule] = {"reason": text()}
_REQUIRED = ("environment",)

REQUEST = Fields({"intent": INTENT}, others=True)
"""A create's own field; planning checks the others."""
KNOWN_ENVIRONMENT = Fields(_KNOWN, _REQUIRED)
"""Of a wake or a roll-back."""
SLEEP = Fields({**_KNOWN, **_REASON}, _REQUIRED)
TEARDOWN = SLEEP
"""A deletion that an event requests; only inputs may refer to a lease's end or a failure."""
DELETION = Fields(
    {
        **_KNOWN,
        **_REASON,
        "expiresAt": moment,
        "keepSchedule": flag,
        "unlessProven": flag,
    },
    _REQUIRED,
)
EXTENSION = Fields(
    {
        **_KNOWN,
        **_REASON,
        "ttl": text(read=times.duration_seconds),
        "keep": flag,
        "expectedExpiresAt": moment,
    },
    _REQUIRED,
    _one_end,
)
REDEPLOY = Fields(
    {
        **_KNOWN,
        "services": list_of(
            Fields(
                {
                    "serviceName": text(),
                    "image": text(),
                    "container": text(),
                    "taskDefinition": text_or_object,
                },
                ("serviceName",),
            )
        ),
    },
    _REQUIRED,
)
"""Planning checks its images and definitions."""
WARNING = Fields(
    {"environment": _KNOWN["environment"], "expiresAt": moment, "warningSeconds": number},
    ("environment", "expiresAt", "warningSeconds"),
)
"""The input of a warning's schedule."""


def intent_of(content: Json, event: Json) -> Intent:
    """The input's intent; without one, it is meant when the execution starts."""
    started = {"id": event["execution"], "at": event["startedAt"]}
    return Intent.from_json(content.get("intent", started))


def deletion_of(content: Json, event: Json) -> DeletionRequest:
    """A deletion that follows a failure or the end of a lease says what it is based on, and was not
    meant when it started: an intent would outdate an unrelated create that was requested before."""
    intent: Intent | None = intent_of(content, event)
    if "intent" not in content and content.keys() & {"generation", "expiresAt"}:
        intent = None
    return DeletionRequest(
        content["environment"],
        intent,
        content.get("generation"),
        content.get("expiresAt"),
        content.get("keepSchedule", False),
        content.get("unlessProven", False),
    )
