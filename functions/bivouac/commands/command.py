"""Parses the input of create_environment: a create, a redeploy, a wake or a roll-back.

Redeploying and waking are creates of a request in the record, so everything that a create checks,
converges and proves applies to them as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bivouac.commands import inputs
from bivouac.environment import intents, service_changes
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.record import LEASE_OVER, Record, Status, found, packed
from bivouac.environment.service_changes import Change, Changes
from bivouac.errors import EnvironmentNotFoundError, InvalidRequestError
from bivouac.json_types import Json
from bivouac.request.reading import untrusted

_VERBS = {
    "redeploy": (Verb.REDEPLOY, inputs.REDEPLOY),
    "wake": (Verb.WAKE, inputs.KNOWN_ENVIRONMENT),
    "rollBack": (Verb.ROLL_BACK, inputs.KNOWN_ENVIRONMENT),
}


@dataclass(frozen=True)
class Command:
    """An input, parsed as far as possible without the record."""

    verb: Verb
    environment: str
    """Empty if a request names none, which planning reports."""
    intent: Intent
    content: Json
    """The request of a create, or the input about an existing environment."""
    generation: int | None = None
    """Only while this one holds the environment."""
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    """A create's problems besides those that planning finds in its request."""


@dataclass(frozen=True)
class Resolved:
    """The request to plan, given the current record."""

    request: Json
    """Changes included."""
    base: Json
    """Without changes."""
    based_on: int
    """The record's generation; 0 if there was none."""
    changes: Changes = field(default_factory=dict)
    outdated: str = ""
    """Why there is nothing to do; empty if there is something."""

    def instruction(self, command: Command, there: bool) -> Instruction:
        """`there`: whether something of the environment exists."""
        return Instruction(
            command.verb,
            command.intent,
            self.based_on,
            packed(self.base),
            packed(self.request),
            self.changes,
            there,
        )


def asked(content: Any, execution: str, started_at: str, now: datetime) -> Command:
    """Raises InvalidRequestError, except for a create, whose problems are all reported at once."""
    started = {"at": started_at, "id": execution}
    verbs = [name for name in _VERBS if isinstance(content, Mapping) and name in content]
    if not verbs:
        return _create(content, started, now)
    name = verbs[0]
    (verb, rule), given = _VERBS[name], content[name]
    found = inputs.problems(rule, given, now, name)
    if len(content) > 1:
        found.append(f"{name}: no other field is allowed with it")
    if found:
        raise InvalidRequestError(found)
    intent = _intent(given, started)
    changes = tuple(Change.of(each, intent) for each in given.get("services", ()))
    return Command(
        verb, given["environment"], intent, dict(given), given.get("generation"), changes
    )


def _create(content: Any, started: Json, now: datetime) -> Command:
    if not isinstance(content, Mapping):
        return Command(Verb.CREATE, "", Intent.from_json(started), content)
    if unreadable := untrusted.problems(content, "request"):
        raise InvalidRequestError(tuple(map(str, unreadable)))
    request = {name: value for name, value in content.items() if name != "intent"}
    found = tuple(inputs.REQUEST("", content, now))
    intent = _intent({} if found else content, started)
    name = request.get("name")
    environment = name if isinstance(name, str) else ""
    return Command(Verb.CREATE, environment, intent, request, problems=found)


def _intent(given: Mapping[str, Any], started: Json) -> Intent:
    return Intent.from_json(given.get("intent", started))


def resolved(asked: Command, record: Record | None) -> Resolved:
    """The request to plan. Raises InvalidRequestError, EnvironmentNotFoundError."""
    if asked.verb is Verb.CREATE:
        return _created(asked, record)
    record = found(record if record and record.request else None, asked.environment)
    if asked.generation is not None and asked.generation != record.generation:
        why = f"generation {record.generation} took over from {asked.generation}"
        return _recorded(record, why)
    match asked.verb:
        case Verb.REDEPLOY:
            return _redeployed(asked, record)
        case Verb.ROLL_BACK if record.can_roll_back:
            return _recorded(record.gone_back)
        case Verb.ROLL_BACK:
            return _recorded(record, "no other request was ever proven")
        case _:
            return _woken(asked, record)


def _created(asked: Command, record: Record | None) -> Resolved:
    if record is None or not _has_services(asked.content):
        return Resolved(asked.content, asked.content, record.generation if record else 0)
    changes = service_changes.newest(record.changes, (), asked.intent)
    return Resolved(
        service_changes.redeployed(asked.content, changes),
        asked.content,
        record.generation,
        changes,
    )


def _has_services(content: Any) -> bool:
    services = content.get("services") if isinstance(content, Mapping) else None
    return isinstance(services, list) and all(isinstance(each, dict) for each in services)


def _redeployed(asked: Command, record: Record) -> Resolved:
    if intents.is_outdated(record.intents, intents.LIFECYCLE, asked.intent):
        return _recorded(record, "a later creation or deletion was followed before")
    if record.status in LEASE_OVER:
        raise EnvironmentNotFoundError(
            f"the environment {record.environment} is {record.status}: a redeploy cannot bring it "
            "back; create it"
        )
    base = record.base
    given = asked.changes or tuple(
        Change(service["serviceName"], asked.intent) for service in base["services"]
    )
    if found := service_changes.problems(base, record.changes, given):
        raise InvalidRequestError(found)
    changes = service_changes.newest(record.changes, given)
    if changes == record.changes:
        return _recorded(record, "these or later changes of the services were made before")
    return Resolved(service_changes.redeployed(base, changes), base, record.generation, changes)


def _woken(asked: Command, record: Record) -> Resolved:
    if intents.is_outdated(record.intents, intents.POWER, asked.intent):
        return _recorded(record, "a later intent about the environment was followed before")
    if record.status is Status.DELETED:
        raise EnvironmentNotFoundError(
            f"the environment {record.environment} is deleted and has no schedule; create it"
        )
    # The wake comes before the roll-back, which then finds another execution in its place.
    goes_back = record.status is Status.FAILED and record.goes_back
    return _recorded(record.gone_back if goes_back else record)


def _recorded(record: Record, outdated: str = "") -> Resolved:
    """The record's own request."""
    return Resolved(record.requested, record.base, record.generation, record.changes, outdated)
