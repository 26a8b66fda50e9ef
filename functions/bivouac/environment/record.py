"""The record of an environment, and the rules by which executions take and hold it. Pure.

The generation only grows: an execution that takes the environment raises it, and every step checks
that its generation is still the current one before it changes anything (W17, W18).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bivouac import errors, times
from bivouac.environment import intents, service_changes
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
    on_failure: str
    """delete or keep."""
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


@dataclass(frozen=True)
class Take:
    """Take the environment under this generation."""

    generation: int
    stop: str | None = None
    """The running execution to stop first."""
    settle: bool = False
    """A create was cut short: wait until its last functions must have ended."""
    back: bool = False
    """Roll the record back from what failed to what was proven before."""


@dataclass(frozen=True)
class Hold:
    """This execution has already taken it: go on."""

    generation: int


@dataclass(frozen=True)
class Follow:
    """Another execution is working on it: wait, and read the record again."""


@dataclass(frozen=True)
class Leave:
    """Nothing to do: the intent is outdated, or already fulfilled."""

    reason: str
    remember: bool = False
    """Store the intent all the same, as the newest: it outdates whatever was meant before it."""


@dataclass(frozen=True)
class Replan:
    """The environment has changed since the plan was made: plan again."""


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


def opening(
    record: Record | None,
    execution: str,
    request_hash: str,
    holder_runs: bool,
    intent: Intent,
    verb: Verb = Verb.CREATE,
    based_on: int | None = None,
    closed: Intent | None = None,
) -> Take | Hold | Follow | Leave | Replan:
    """What a create, redeploy or wake does with the record that it finds.

    An equal request follows the running execution; another one supersedes it. Every request waits
    for a running deletion, so that a new environment never meets the remains of an old one (S02).
    Only a create recreates what was deleted: anything else that waited is planned again, and
    refused. `based_on`: the generation whose request the plan is based on, if any. `closed`: when a
    deletion or the end of a pull request last revoked a create that had no record yet.
    Raises NotDeletedError if a deletion did not finish."""
    if record is not None and record.status in HELD and record.execution == execution:
        return Hold(record.generation)
    if closed is not None and intent <= closed:
        return Leave("a later intent deleted it, or closed its pull request")
    if record is None:
        return Take(1)
    following = record.generation + 1
    matter = intents.LIFECYCLE if verb is Verb.CREATE else intents.POWER
    if verb in (Verb.CREATE, Verb.WAKE) and intents.is_outdated(record.intents, matter, intent):
        return Leave("a later intent about the environment was followed before")
    if based_on is not None and based_on != record.generation:
        return Replan()
    match record.status:
        case Status.CREATING if holder_runs and record.request_hash == request_hash:
            return Follow()
        case Status.FALLING_ASLEEP if holder_runs and verb is not Verb.WAKE:
            return Follow()
        case Status.CREATING | Status.FALLING_ASLEEP:
            return Take(following, stop=record.execution if holder_runs else None, settle=True)
        case Status.FAILED:
            return Take(following, settle=record.settle)
        case Status.DELETING if holder_runs:
            return Follow()
        case Status.DELETING | Status.NOT_DELETED:
            raise errors.NotDeletedError(
                f"the environment {record.environment} was not deleted completely; start "
                "delete_environment again, read its receipt, then create"
            )
        case Status.DELETED if verb is not Verb.CREATE:
            return Replan()
        case _:
            return Take(following)


def matter_of_deletion(keep_schedule: bool) -> str:
    """A deletion that ends office hours and keeps the schedule revokes no request: the next up
    creates the environment again."""
    return intents.POWER if keep_schedule else intents.LIFECYCLE


@dataclass(frozen=True)
class DeletionRequest:
    """What a deletion asks for."""

    environment: str
    intent: Intent | None
    """None: only what it is based on counts."""
    generation: int | None = None
    """What it is based on: outdated once a newer execution has taken over."""
    expires_at: str | None = None
    """What it is based on: outdated once the lease was extended."""
    keep_schedule: bool = False
    """It ends office hours: the next up creates the environment again."""
    unless_proven: bool = False
    """It deletes what a failed create left, unless the environment was proven."""

    def followed(self, record: Record) -> Mapping[str, Intent]:
        """The record's intents once it is followed."""
        if self.intent is None:
            return record.intents
        matter = matter_of_deletion(self.keep_schedule)
        return intents.followed(record.intents, (matter,), self.intent)

    def used_up_the_expiry(self, record: Record) -> bool:
        """The schedule that started it deleted itself then, and the step that set the lease's
        current end may have died before it armed a new one. Receipts see to the expiry
        themselves."""
        ended = (Status.DELETING, Status.DELETED)
        return self.expires_at is not None and record.status not in ended


def closing(
    record: Record, execution: str, holder_runs: bool, asked: DeletionRequest
) -> Take | Hold | Follow | Leave:
    """What a delete does with the record that it finds. A delete during a create wins.

    A deletion that was meant before the last creation is outdated; one that ends office hours and
    keeps the schedule also if it was meant before the last up. A schedule that fires after the
    record's end is never outdated: it may be the last one, armed by a step that then died."""
    following = record.generation + 1
    if record.status is Status.DELETING and record.execution == execution:
        return Hold(record.generation)
    if asked.generation not in (None, record.generation):
        return Leave(f"generation {record.generation} took over from {asked.generation}")
    if asked.expires_at and times.moment(asked.expires_at) < times.moment(record.expires_at):
        return Leave(f"the lease now ends at {record.expires_at}, not at {asked.expires_at}")
    if record.status is Status.DELETING and holder_runs:
        # Even if that outdates it: the caller gets an answer once everything is gone.
        return Follow()
    if asked.unless_proven and record.proven:
        return Leave("it was already proven")
    matter = matter_of_deletion(asked.keep_schedule)
    if asked.intent is not None and intents.is_outdated(record.intents, matter, asked.intent):
        return Leave("a later intent about the environment was followed before")
    match record.status:
        case Status.SCHEDULED | Status.DELETED if asked.keep_schedule:
            return Leave("it does not exist at the moment", remember=True)
        case Status.CREATING | Status.FALLING_ASLEEP:
            return Take(following, stop=record.execution if holder_runs else None, settle=True)
        case Status.FAILED | Status.DELETING:
            # Steps run in parallel: when one failed, the others' functions may still run. So may
            # those of a dead deletion, and they would delete what is created later.
            return Take(following, settle=True)
        case _:
            return Take(following)


def suspending(
    record: Record, execution: str, holder_runs: bool, generation: int | None, intent: Intent
) -> Take | Hold | Follow | Leave:
    """What a sleep does with the record that it finds.

    It waits for a running execution: a sleep is not urgent, and a redeploy that is cut short must
    be repeated."""
    following = record.generation + 1
    if record.status is Status.FALLING_ASLEEP and record.execution == execution:
        return Hold(record.generation)
    if generation is not None and generation != record.generation:
        return Leave(f"generation {record.generation} took over from {generation}")
    if intents.is_outdated(record.intents, intents.POWER, intent):
        return Leave("a later intent about the environment was followed before")
    match record.status:
        case Status.CREATING | Status.FALLING_ASLEEP if holder_runs:
            return Follow()
        case Status.CREATING | Status.FAILED if record.goes_when_it_fails:
            return Leave("it failed before it was ever proven, and is deleted", remember=True)
        case Status.CREATING | Status.FALLING_ASLEEP | Status.FAILED:
            # Its last functions may still run, and would start what is stopped here. After this
            # takes over, nothing else rolls back.
            return Take(following, settle=True, back=record.goes_back)
        case Status.READY | Status.DEGRADED:
            return Take(following)
        case Status.ASLEEP:
            return Leave("it is already asleep", remember=True)
        case _:
            return Leave(f"it is not running: it is {record.status}", remember=True)


def extending(record: Record, intent: Intent, generation: int | None) -> Leave | None:
    """Why an extension no longer counts; None if it does.

    Leases have no matter of their own: in whatever order extensions arrive, the latest end
    holds."""
    if intents.is_outdated(record.intents, intents.LIFECYCLE, intent):
        return Leave("a later creation or deletion was followed before")
    if generation is not None and generation != record.generation:
        return Leave(f"generation {record.generation} took over from {generation}")
    return None


def extended(
    record: Record, asked: Extension, longest_seconds: int, expected: str | None
) -> tuple[datetime, Extension]:
    """The end of the lease, never an earlier one, and the newest extension.

    `expected`: the end that the caller has seen, if it says so. Raises InvalidRequestError beyond
    the cap, LeaseChangedError if someone has changed the end since."""
    try:
        end = asked.end(longest_seconds)
    except ValueError as error:
        raise errors.InvalidRequestError([f"ttl: {error}"]) from None
    present, known = times.moment(record.expires_at), record.extension
    if end > present and expected is not None and times.moment(expected) != present:
        raise errors.LeaseChangedError(
            f"the lease of {record.environment} ends at {record.expires_at}, not at {expected} as "
            "expected: someone has changed it since; check it, then try again"
        )
    newest = known if known is not None and known.asked_at >= asked.asked_at else asked
    return max(end, present), newest
