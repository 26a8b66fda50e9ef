"""The record of an environment. Pure.

The generation only grows: an execution that takes the environment raises it, and every step checks
that its generation is still the current one before it changes anything (W17, W18).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from bivouac import errors
from bivouac.environment import service_changes
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.lease import Extension
from bivouac.environment.service_changes import Changes
from bivouac.json_types import Json

FORM = 1
"""The version of a record's form; the first records do not contain it. When to raise it:
docs/decisions/0023."""


class Status(StrEnum):
    SCHEDULED = "SCHEDULED"
    """Nothing of it exists; its next up creates it."""
    CREATING = "CREATING"
    """Being created, redeployed, rolled back or woken: the record's verb says which."""
    READY = "READY"
    DEGRADED = "DEGRADED"
    """It was READY, and something has failed since."""
    FAILED = "FAILED"
    FALLING_ASLEEP = "FALLING_ASLEEP"
    ASLEEP = "ASLEEP"
    """Everything exists, but no task runs."""
    DELETING = "DELETING"
    NOT_DELETED = "NOT_DELETED"
    """A deletion ended with something left; its receipt says what."""
    ORPHANED = "ORPHANED"
    """Found without a record; deleted when its lease ends, like any environment."""
    DELETED = "DELETED"
    """A tombstone: it keeps the generation."""


@dataclass(frozen=True)
class Record:
    environment: str
    generation: int
    status: Status
    execution: str
    """ARN of the execution that holds or last held the environment."""
    request_hash: str
    blueprint: Json
    """As planned, in JSON; an earlier version may have written it."""
    expires_at: str
    settle: bool
    """An earlier execution was stopped or timed out: its last functions may still run."""
    edges: Sequence[Json] = ()
    """The proven edges, with the deployments for which they are proven."""
    expected: Sequence[Json] = ()
    """The proven deployments."""
    namespace_arn: str = ""
    """Known once it was READY."""
    task_definitions: tuple[str, ...] = ()
    """ARNs of its registered revisions; if DEFINITIONS_KEPT or more, not all of them."""
    verb: Verb = Verb.CREATE
    """What `execution` does or did."""
    request: str = ""
    """The request that the blueprint was planned from, packed."""
    base_request: str = ""
    """The request without the changes of redeploys, packed."""
    changes: Changes = field(default_factory=dict)
    """The changes of redeploys."""
    good_base_request: str = ""
    """The last proven base request, packed; empty if there is none."""
    good_changes: Changes = field(default_factory=dict)
    """The changes of the last proven request."""
    intents: Mapping[str, Intent] = field(default_factory=dict)
    """The newest followed intent, by matter."""
    failure: Json = field(default_factory=dict)
    """Why it is FAILED or DEGRADED; empty otherwise."""
    untold: str = ""
    """The detail type of the record's event, if it is not published yet."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """Of the last deletion, if there was one."""
    extension: Extension | None = None
    """The newest followed one: a create that was meant earlier may still arrive."""
    office_hours: bool = True
    """Its office hours may be armed: it has or had some since it was last deleted, or nobody knows
    whether it had."""
    created_at: str = ""
    """When this life of it began; empty where nobody wrote it down."""
    ready_at: str = ""
    """When it was last proven, in this life."""

    @property
    def planned(self) -> Blueprint:
        return Blueprint.from_json(self.blueprint)

    @property
    def requested(self) -> dict[str, Any]:
        """The current request, redeploys included."""
        return unpacked(self.request)

    @property
    def base(self) -> dict[str, Any]:
        return unpacked(self.base_request)

    @property
    def good_base(self) -> dict[str, Any]:
        return unpacked(self.good_base_request)

    @property
    def good(self) -> dict[str, Any]:
        """The last proven request, redeploys included."""
        return service_changes.redeployed(self.good_base, self.good_changes)

    @property
    def proven(self) -> bool:
        """Whether it has been READY since its last deletion: then no failure deletes it."""
        return bool(self.good_base_request)

    @property
    def goes_when_it_fails(self) -> bool:
        """Whether a failure deletes it: `onFailure` applies until the first READY, whichever
        execution has taken over since."""
        return not self.proven and bool(self.blueprint["on_failure"] == "delete")

    @property
    def can_roll_back(self) -> bool:
        """Whether the last proven request differs from the current one."""
        return self.proven and self.good != self.requested

    @property
    def goes_back(self) -> bool:
        """Whether a failure of the current execution rolls back to what was proven."""
        if self.verb is Verb.CREATE and self.blueprint["on_failure"] == "keep":
            return False
        return self.can_roll_back and self.verb in (Verb.CREATE, Verb.REDEPLOY)

    @property
    def gone_back(self) -> Record:
        """With the last proven request as the current one; the blueprint stays that of the last
        plan.

        Failed changes become void. Proven changes stay changes, so that a late create that was
        meant earlier keeps them."""
        return replace(
            self,
            request=packed(self.good),
            base_request=self.good_base_request,
            changes=service_changes.rolled_back(self.changes, self.good_changes),
        )

    @property
    def names_all_definitions(self) -> bool:
        """Whether it lists every registered revision."""
        return len(self.task_definitions) < DEFINITIONS_KEPT


DEFINITIONS_KEPT = 120
"""Revisions that the record lists; months of redeploys make more than fit into its item (400 KB).
A deletion then lists them in ECS."""


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def text_of(content: Any) -> str:
    """Compact JSON, in as few bytes as possible."""
    return _COMPACT.encode(content)


UNPACKED_LIMIT = 2_000_000
"""Bytes. An execution's input has at most 262,144, which JSON's escapes make three times as many,
and redeploys change a part of it."""


def packed(content: Mapping[str, Any]) -> str:
    """As text of about a quarter of its size, because states and items are limited (W08)."""
    return base64.b64encode(zlib.compress(json.dumps(content).encode(), 9)).decode()


def unpacked(text: str) -> dict[str, Any]:
    """Raises ValueError for what unpacks to more than was ever packed: it could take all memory."""
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(base64.b64decode(text), UNPACKED_LIMIT)
    if not unpacking.eof:
        raise ValueError(f"it unpacks to more than {UNPACKED_LIMIT:,} bytes, or is cut off")
    found: dict[str, Any] = json.loads(content)
    return found


@dataclass(frozen=True)
class Summary:
    """One environment in the list of all; it may be slightly out of date."""

    environment: str
    generation: int
    status: Status
    execution: str
    expires_at: str
    verb: Verb
    triggers: Mapping[str, Any]
    """Of the request."""
    owner: str = ""
    created_at: str = ""
    ready_at: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A record that cannot be read (W19), with those parts that can."""

    environment: str
    why: str
    generation: int | None
    status: str | None
    expires_at: str | None
    attributes: tuple[str, ...]
    newer: bool = False
    """A newer version wrote it: it is valid, but this one cannot read it."""

    @property
    def can_be_rebuilt(self) -> bool:
        """A new record needs a higher generation than this one, and must replace no other."""
        return not self.newer and self.generation is not None and self.status is not None


GONE = (Status.DELETED, Status.SCHEDULED)
"""Nothing of it exists, and a receipt says so."""
LEASE_OVER = (Status.DELETING, Status.NOT_DELETED, Status.DELETED)
DELETION_BEGUN = (*LEASE_OVER, Status.ORPHANED, Status.SCHEDULED)
"""A deletion has run: the revisions that the record lists may no longer exist."""
HELD = (Status.CREATING, Status.FALLING_ASLEEP, Status.DELETING)
"""An execution is working on it, or has died."""


def never_created(environment: str) -> str:
    return f"no environment named {environment!r} was ever created by this stack"


def found(record: Record | None, environment: str) -> Record:
    """Raises EnvironmentNotFoundError if there never was one."""
    if record is None:
        raise errors.EnvironmentNotFoundError(never_created(environment))
    return record


def leased(record: Record | None, environment: str) -> Record:
    """Raises EnvironmentNotFoundError if it never was, or its lease is over."""
    living = found(record, environment)
    if living.status in LEASE_OVER:
        raise errors.EnvironmentNotFoundError(
            f"the environment {environment} is {living.status}: its lease is over; create it again"
        )
    return living
