"""What the input of create_environment asks for: a create, a redeploy, a wake or a roll-back.

Redeploying and waking are creates of a request that the record knows; so everything that a create
checks, converges and proves holds for them as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bivouac.environment import intents, service_changes
from bivouac.environment.intents import CLOCKS_DIFFER_BY, Intent, Verb
from bivouac.environment.record import Record, Status
from bivouac.environment.service_changes import Change, Changes
from bivouac.errors import EnvironmentNotFoundError, InvalidRequestError
from bivouac.json_types import Json
from bivouac.request.models import GivenIntent, KnownEnvironment, Redeploy, described

_VERBS = {"redeploy": Verb.REDEPLOY, "wake": Verb.WAKE, "rollBack": Verb.ROLL_BACK}


@dataclass(frozen=True)
class Command:
    """An input, read as far as it goes without the record."""

    verb: Verb
    environment: str
    """Empty where a request does not name one: planning tells."""
    intent: Intent
    content: Json
    """The request of a create; what is said of the environment otherwise."""
    generation: int | None = None
    """Only while this one holds the environment."""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Resolved:
    """What is to be planned, with the record as it is now."""

    request: Json
    """Changes included."""
    base: Json
    """Without them."""
    based_on: int
    """The record's generation; 0 where there was none."""
    changes: Changes = field(default_factory=dict)
    outdated: str = ""
    """Why there is nothing to be done; empty where there is."""


def asked(content: Any, execution: str, started_at: str, now: datetime) -> Command:
    """Raises InvalidRequestError; whatever is wrong with a create's request, planning tells."""
    verbs = [name for name in _VERBS if isinstance(content, Mapping) and name in content]
    started = {"at": started_at, "id": execution}
    if not verbs:
        if not isinstance(content, Mapping):
            return Command(Verb.CREATE, "", Intent.from_json(started), content)
        request = {name: value for name, value in content.items() if name != "intent"}
        name = request.get("name")
        intent = _intent(content.get("intent"), started, "intent", now)
        return Command(Verb.CREATE, name if isinstance(name, str) else "", intent, request)
    if len(content) > 1:
        raise InvalidRequestError([f"{verbs[0]}: nothing else may stand beside it"])
    verb, given = _VERBS[verbs[0]], content[verbs[0]]
    model = Redeploy if verb is Verb.REDEPLOY else KnownEnvironment
    read: KnownEnvironment = _read(model, given, verbs[0])
    intent = _intent(given.get("intent"), started, f"{verbs[0]}.intent", now)
    changes: tuple[Change, ...] = ()
    if isinstance(read, Redeploy):
        changes = tuple(
            Change(each.service_name, intent, each.image, each.container, each.task_definition)
            for each in read.services
        )
    return Command(verb, read.environment, intent, dict(given), read.generation, changes)


def _read(model: type[KnownEnvironment], given: Any, path: str) -> Any:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(list(described(error, path))) from None


def _intent(given: Any, started: Json, path: str, now: datetime) -> Intent:
    if given is None:
        return Intent.from_json(started)
    try:
        read = GivenIntent.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(list(described(error, path))) from None
    return given_intent(read, path, now)


def given_intent(given: GivenIntent, path: str, now: datetime) -> Intent:
    """Raises InvalidRequestError for one of the future."""
    intent = Intent.from_json(given.model_dump())
    if intent.at > now + CLOCKS_DIFFER_BY:
        raise InvalidRequestError([f"{path}.at: {given.at} is in the future"])
    return intent


def resolved(asked: Command, record: Record | None) -> Resolved:
    """The request to plan. Raises InvalidRequestError, EnvironmentNotFoundError."""
    if asked.verb is Verb.CREATE:
        return _created(asked, record)
    if record is None or not record.request:
        raise EnvironmentNotFoundError(
            f"no environment named {asked.environment!r} was ever created by this stack"
        )
    if asked.generation is not None and asked.generation != record.generation:
        why = f"generation {record.generation} took over from {asked.generation}"
        return _nothing(record, why)
    match asked.verb:
        case Verb.REDEPLOY:
            return _redeployed(asked, record)
        case Verb.ROLL_BACK:
            return _rolled_back(record)
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
    life = record.intents.get(intents.LIFECYCLE)
    if life is not None and asked.intent <= life:
        return _nothing(record, "a later creation or deletion was followed before")
    if record.status in (Status.DELETING, Status.NOT_DELETED, Status.DELETED):
        raise EnvironmentNotFoundError(
            f"the environment {record.environment} is {record.status}: a redeploy brings nothing "
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
        return _nothing(record, "these or later changes of the services were made before")
    return Resolved(service_changes.redeployed(base, changes), base, record.generation, changes)


def _rolled_back(record: Record) -> Resolved:
    if not record.can_roll_back:
        return _nothing(record, "there is no other request that was proven before")
    back = record.gone_back
    return Resolved(back.requested, back.base, record.generation, back.changes)


def _woken(asked: Command, record: Record) -> Resolved:
    if intents.is_outdated(record.intents, intents.POWER, asked.intent):
        return _nothing(record, "a later intent about the environment was followed before")
    if record.status is Status.DELETED:
        raise EnvironmentNotFoundError(
            f"the environment {record.environment} is deleted, and has no schedule; create it"
        )
    # It comes before the roll-back, which then finds that another execution has the environment.
    known = record.gone_back if record.status is Status.FAILED and record.goes_back else record
    return Resolved(known.requested, known.base, known.generation, known.changes)


def _nothing(record: Record, why: str) -> Resolved:
    return Resolved(record.requested, record.base, record.generation, record.changes, why)
