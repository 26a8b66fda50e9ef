"""What an execution does with the record that it finds: takes the environment, goes on, waits, or
leaves it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bivouac import errors, times
from bivouac.environment import intents, service_changes
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.lease import Extension
from bivouac.environment.record import HELD, Record, Status


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


Decision = Take | Hold | Follow | Leave | Replan


def opening(
    record: Record | None,
    execution: str,
    instruction: Instruction,
    request_hash: str,
    holder_runs: bool,
    closed: Intent | None,
    now: datetime,
) -> Decision:
    """What a create, redeploy or wake does.

    An equal request follows the running execution; another one supersedes it. Every request waits
    for a running deletion, so that a new environment never meets the remains of an old one (S02).
    Only a create recreates what was deleted: anything else that waited is planned again, and
    refused. A lease that has ended is no longer woken. `closed`: when a deletion or the end of a
    pull request last revoked a create that had no record yet.
    Raises NotDeletedError if a deletion did not finish."""
    decision = _opening(record, execution, instruction, request_hash, holder_runs, closed)
    wakes = isinstance(decision, Take) and instruction.verb is Verb.WAKE
    if wakes and record and times.moment(record.expires_at) <= now:
        return Leave(f"its lease ended at {record.expires_at}")
    return decision


def _opening(
    record: Record | None,
    execution: str,
    instruction: Instruction,
    request_hash: str,
    holder_runs: bool,
    closed: Intent | None,
) -> Decision:
    verb, intent = instruction.verb, instruction.intent
    if record is not None and record.status in HELD and record.execution == execution:
        return Hold()
    if closed is not None and intent <= closed:
        return Leave("a later intent deleted it, or closed its pull request")
    if record is None:
        return Take(1)
    following = record.generation + 1
    matter = intents.LIFECYCLE if verb is Verb.CREATE else intents.POWER
    if verb in (Verb.CREATE, Verb.WAKE) and intents.is_outdated(record.intents, matter, intent):
        return Leave("a later intent about the environment was followed before")
    if not _is_planned_with(record, instruction):
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


def _is_planned_with(record: Record, instruction: Instruction) -> bool:
    """Whether the plan is based on this generation's request. A create has its own: whether it was
    planned with all redeploys that are in the record now."""
    if instruction.verb is not Verb.CREATE:
        return instruction.based_on == record.generation
    known = service_changes.newest(record.changes, (), since=instruction.intent)
    return known == instruction.changes


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
        return Hold()
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
        return Hold()
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
