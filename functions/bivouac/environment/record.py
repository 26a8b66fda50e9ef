"""The record of an environment and the rules of who may open, hold and close it. Pure.

The generation only grows: whoever takes the environment raises it, and every step checks that its
own is still the current one before it changes anything (W17, W18).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from bivouac import errors, times
from bivouac.environment import intents, service_changes
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.lease import Extension
from bivouac.environment.service_changes import Changes

FORM = 1
"""Of what a record says, and of the first records, which do not say it. When it must be raised:
docs/decisions/0023."""


class Status(StrEnum):
    SCHEDULED = "SCHEDULED"
    """Nothing of it is there; its next up creates it."""
    CREATING = "CREATING"
    """Being created, redeployed, rolled back or woken: the record's verb says which."""
    READY = "READY"
    DEGRADED = "DEGRADED"
    """It was ready, and something of it has failed since."""
    FAILED = "FAILED"
    FALLING_ASLEEP = "FALLING_ASLEEP"
    ASLEEP = "ASLEEP"
    """Everything is there, and no task runs."""
    DELETING = "DELETING"
    NOT_DELETED = "NOT_DELETED"
    """A deletion ended with something left; its receipt says what."""
    ORPHANED = "ORPHANED"
    """Found without a record; it goes when its lease ends, as everything does."""
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
    blueprint: str
    """Blueprint as JSON."""
    expires_at: str
    settle: bool
    """An execution before this one was stopped or timed out: its last functions may still run."""
    edges: str = "[]"
    """The edges that were proven, with the deployments that they were proven for, as JSON."""
    expected: str = "[]"
    """The deployments that were proven, as JSON."""
    namespace_arn: str = ""
    """Of its namespace, once it was ready."""
    task_definitions: tuple[str, ...] = ()
    """ARNs of the revisions that were registered for it; DEFINITIONS_KEPT or more: not all."""
    verb: Verb = Verb.CREATE
    """What `execution` does or did."""
    request: str = ""
    """The request that the blueprint was made of, packed."""
    base_request: str = ""
    """The same without what redeploys changed, packed."""
    changes: Changes = field(default_factory=dict)
    """What redeploys changed."""
    good_base_request: str = ""
    """The base request when the environment was last proven, packed; empty where it never was."""
    good_changes: Changes = field(default_factory=dict)
    """The changes then."""
    intents: Mapping[str, Intent] = field(default_factory=dict)
    """The newest that was followed, by matter."""
    failure: str = ""
    """Why it is FAILED or DEGRADED, as JSON."""
    untold: str = ""
    """The detail type of an event that says what the record says, and that nobody was told yet."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """Of the last deletion, where there was one."""
    extension: Extension | None = None
    """The newest that was followed: a create that was meant before it may yet come."""
    office_hours: bool = True
    """Its office hours may be armed: it has or had some since it was last deleted, or nobody knows
    whether it had."""
    created_at: str = ""
    """When this life of it began; empty where nobody wrote it down."""
    ready_at: str = ""
    """When it was last proven, in this life."""

    @property
    def content(self) -> dict[str, Any]:
        """The blueprint as it was planned."""
        found: dict[str, Any] = json.loads(self.blueprint)
        return found

    @property
    def requested(self) -> dict[str, Any]:
        """The request that holds, redeploys included."""
        return unpacked(self.request)

    @property
    def base(self) -> dict[str, Any]:
        return unpacked(self.base_request)

    @property
    def good_base(self) -> dict[str, Any]:
        return unpacked(self.good_base_request)

    @property
    def good(self) -> dict[str, Any]:
        """The last request that was proven, redeploys included."""
        return service_changes.redeployed(self.good_base, self.good_changes)

    @property
    def proven(self) -> bool:
        """It was READY before, since it was last deleted: no failure deletes it any more."""
        return bool(self.good_base_request)

    @property
    def goes_when_it_fails(self) -> bool:
        """`onFailure` governs until the first READY, whoever took over since."""
        return not self.proven and bool(self.content["on_failure"] == "delete")

    @property
    def can_roll_back(self) -> bool:
        """Another request than the one that holds was proven."""
        return self.proven and self.good != self.requested

    @property
    def goes_back(self) -> bool:
        """A failure of what is under way leads back to what was proven."""
        if self.verb is Verb.CREATE and self.content["on_failure"] == "keep":
            return False
        return self.can_roll_back and self.verb in (Verb.CREATE, Verb.REDEPLOY)

    @property
    def gone_back(self) -> Record:
        """With the request that was proven as the one that holds; the blueprint is still the one of
        what was made last.

        What failed is void; what was proven before it stays a change, so that a create that comes
        late, and was meant earlier, keeps it."""
        return replace(
            self,
            request=packed(self.good),
            base_request=self.good_base_request,
            changes=service_changes.rolled_back(self.changes, self.good_changes),
        )

    @property
    def expected_definitions(self) -> list[str]:
        """ARNs of what the proven deployments run."""
        return [each["taskDefinitionArn"] for each in json.loads(self.expected)]

    @property
    def names_all_definitions(self) -> bool:
        """Whether no revision was registered that it has no room for."""
        return len(self.task_definitions) < DEFINITIONS_KEPT

    @property
    def edge_proofs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.edges)
        return found


DEFINITIONS_KEPT = 120
"""Revisions that the record names; months of redeploys make more than its item has room for (400
KB). A deletion then finds them by looking."""


def text_of(content: Any) -> str:
    """As JSON, in as few bytes of an item as it takes."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


UNPACKED_LIMIT = 2_000_000
"""Bytes. An execution's input has at most 262,144, which JSON's escapes make three times as many,
and redeploys change a part of it."""


def packed(content: Mapping[str, Any]) -> str:
    """As text of about a quarter of its size: state data and items hold only so much (W08)."""
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
    """What a list of all environments tells of one, as it was a moment ago."""

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
    """A record that cannot be understood (W19), and what of it can."""

    environment: str
    why: str
    generation: int | None
    status: str | None
    expires_at: str | None
    attributes: tuple[str, ...]
    newer: bool = False
    """A newer stack wrote it: it is well, and not understood here."""

    @property
    def can_be_rebuilt(self) -> bool:
        """A new record must have a generation above this one's, and replace no other."""
        return not self.newer and self.generation is not None and self.status is not None


@dataclass(frozen=True)
class Take:
    """Take the environment under this generation."""

    generation: int
    stop: str | None = None
    """The running execution to stop first."""
    settle: bool = False
    """A create ended before its time: its last functions may still run, and are waited out."""
    back: bool = False
    """What failed gives way to what was proven before it."""


@dataclass(frozen=True)
class Hold:
    """This execution took it already: go on."""

    generation: int


@dataclass(frozen=True)
class Follow:
    """Another execution is at work on it: wait and look again."""


@dataclass(frozen=True)
class Leave:
    """The intent is outdated, or what it wants is so already."""

    reason: str
    remember: bool = False
    """It is the newest all the same: whatever was meant before it is outdated from now on."""


@dataclass(frozen=True)
class Replan:
    """The environment has changed since the plan was made: make another one."""


@dataclass(frozen=True)
class Nothing:
    """There is no record: nothing of it is there, as far as anybody knows. That it was not to be
    there is remembered, for a create that was meant before and is still to come."""

    reason: str


GONE = (Status.DELETED, Status.SCHEDULED)
"""Nothing of it is there, and a receipt says so."""
HELD = (Status.CREATING, Status.FALLING_ASLEEP, Status.DELETING)
"""An execution is at work on it, or died."""


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

    The same request follows the execution that runs; another one supersedes it. A deletion is
    always waited for, so a new environment never meets the remains of an old one (S02), and only a
    create ever brings back what was deleted: whatever else waited for that is planned again, and
    refused. `based_on`: the generation whose request the plan was made of, where it was. `closed`:
    when a create was last taken back before it had a record, by a deletion or with its pull
    request.
    Raises NotDeletedError where a deletion did not come to its end."""
    if record is not None and record.status in HELD and record.execution == execution:
        return Hold(record.generation)
    if closed is not None and intent <= closed:
        return Leave("its deletion, or the end of its pull request, was meant later")
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
    """What ends office hours and keeps the schedule takes nothing back that was asked for: the next
    up creates it."""
    return intents.POWER if keep_schedule else intents.LIFECYCLE


def closing(
    record: Record | None,
    execution: str,
    holder_runs: bool,
    *,
    environment: str,
    generation: int | None,
    expires_at: str | None,
    intent: Intent | None,
    keep_schedule: bool = False,
    unless_proven: bool = False,
) -> Take | Hold | Follow | Leave | Nothing:
    """What a delete does with the record that it finds. Delete during create wins.

    One that was meant before the last creation is outdated; one that ends office hours and keeps
    the schedule also if it was meant before the last up. `generation` and `expires_at` are what it
    is based on, where it names them: a deletion after a failed create is outdated once a newer
    create took over, and one by an expiry schedule once the lease was extended. A schedule that
    fires later than the record's end never is: it may be the last one, armed by a step that then
    died. Where nobody meant it, `intent` is None, and what it is based on decides alone.
    `unless_proven`: it takes away what a create made that failed."""
    if record is None:
        return Nothing(f"no environment named {environment!r} was ever created by this stack")
    following = record.generation + 1
    if record.status is Status.DELETING and record.execution == execution:
        return Hold(record.generation)
    if generation is not None and generation != record.generation:
        return Leave(f"generation {record.generation} took over from {generation}")
    if expires_at is not None and times.moment(expires_at) < times.moment(record.expires_at):
        return Leave(f"the lease now ends at {record.expires_at}, not at {expires_at}")
    if record.status is Status.DELETING and holder_runs:
        # Even if it is outdated by that: whoever asked is told once everything is gone.
        return Follow()
    if unless_proven and record.proven:
        return Leave("it was proven before")
    matter = matter_of_deletion(keep_schedule)
    if intent is not None and intents.is_outdated(record.intents, matter, intent):
        return Leave("a later intent about the environment was followed before")
    match record.status:
        case Status.SCHEDULED | Status.DELETED if keep_schedule:
            return Leave("nothing of it is there", remember=True)
        case Status.CREATING | Status.FALLING_ASLEEP:
            return Take(following, stop=record.execution if holder_runs else None, settle=True)
        case Status.FAILED | Status.DELETING:
            # Steps side by side: where one failed, the others' functions may still run. So may
            # those of a deletion that died, and delete what is created after this one.
            return Take(following, settle=True)
        case _:
            return Take(following)


def suspending(
    record: Record | None,
    execution: str,
    holder_runs: bool,
    *,
    environment: str,
    generation: int | None,
    intent: Intent,
) -> Take | Hold | Follow | Leave:
    """What a sleep does with the record that it finds.

    Whatever is at work comes to its end first: a sleep is in no hurry, and a redeploy that is cut
    off has to be made again. Raises EnvironmentNotFoundError."""
    if record is None:
        raise errors.EnvironmentNotFoundError(
            f"no environment named {environment!r} was ever created by this stack"
        )
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
            return Leave("it failed before it was ever proven, and goes", remember=True)
        case Status.CREATING | Status.FALLING_ASLEEP | Status.FAILED:
            # Its last functions may still run, and would start what is stopped here. Nobody else
            # goes back any more from what this takes over.
            return Take(following, settle=True, back=record.goes_back)
        case Status.READY | Status.DEGRADED:
            return Take(following)
        case Status.ASLEEP:
            return Leave("it is asleep already", remember=True)
        case _:
            return Leave(f"nothing of it runs: it is {record.status}", remember=True)
