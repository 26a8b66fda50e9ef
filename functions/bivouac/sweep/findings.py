"""What a sweep finds: records, what exists and executions that do not fit together. Pure.

Facts in, a list of findings out. A dry run answers with that list, a real one acts on the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Any

from bivouac import times
from bivouac.environment import lease, naming
from bivouac.environment.intents import LIFECYCLE, Intent, is_outdated
from bivouac.environment.record import HELD, Record, Status, Unreadable
from bivouac.recheck.doubts import Doubt
from bivouac.sweep.follow_up import Aftermath, Ended, Machine, Start, aftermath, name_of_following

GRACE = timedelta(minutes=5)
"""What ended or should have, is let be for so long: schedules and events may come late."""


class FindingKind(StrEnum):
    EXPIRED = "expired and alive"
    DIED = "left by its execution"
    NOT_ARMED = "without its schedules"
    CLOSED = "its pull request is closed"
    UNANSWERED = "asked for in vain"
    UNTOLD = "told to nobody"
    DOUBTFUL = "not as it was proven"
    STRAY_SCHEDULES = "schedules without an environment"
    ORPHANED = "resources without a record"
    UNREADABLE = "unreadable record"
    LOOK_ALIKE = "look-alike"
    NOT_LOOKED_AT = "not looked at"


class Repair(StrEnum):
    DELETE = "starts a deletion"
    FOLLOW_UP = "does what its execution could not"
    TELL = "tells it"
    LOOK = "looks closer"
    AGAIN = "puts it once more"
    ARM = "arms its schedules"
    REMOVE = "removes its schedules"
    ADOPT = "writes a record that expires"
    REPORT = "touches nothing"


@dataclass(frozen=True)
class Resource:
    """Something that exists, of a name or with tags like ours."""

    kind: str
    name: str
    arn: str
    environment: str
    """That it says it belongs to; empty where its name is none of ours."""
    owned: bool
    """It carries both tags of this stack, and the name that goes with them (D18)."""
    refused: str = ""
    """Why its tags could not be read, where AWS refuses to show them."""


@dataclass(frozen=True)
class ArmedSchedule:
    """An expiry schedule as it is armed."""

    at: datetime | None
    """None where it is not one-time."""
    expires_at: str
    """Of the lease that it ends."""
    enabled: bool


@dataclass(frozen=True)
class Holder:
    """The execution that holds or last held an environment."""

    running: bool
    ended_at: datetime | None
    """None: it runs, or Step Functions has forgotten it."""
    ended: Ended


@dataclass(frozen=True)
class AccountFacts:
    now: datetime
    stack: str
    orphans_live: timedelta
    """How long what has no record is let be."""
    records: Mapping[str, Record | Unreadable | None]
    """By environment, of every name that anything below has."""
    listed_before: frozenset[str] = frozenset()
    """The environments that had a record before anything was looked at: what of theirs was seen
    and is gone by now is no orphan."""
    holders: Mapping[str, Holder] = field(default_factory=dict)
    """By environment, where an execution holds it or failed."""
    expiries: Mapping[str, ArmedSchedule] = field(default_factory=dict)
    """By environment."""
    schedules: Mapping[str, str] = field(default_factory=dict)
    """Name -> environment of every schedule in the stack's groups."""
    resources: tuple[Resource, ...] = ()
    closed: Mapping[str, Intent] = field(default_factory=dict)
    """By environment: when its pull request was closed, where it was."""
    unanswered: tuple[Ended, ...] = ()
    """Executions that ended without success lately, and may have been asked for by an event."""
    unseen: frozenset[str] = frozenset()
    """Environments for whose execution and schedule there was no time."""
    not_looked_at: int = 0
    """They, and what else the next sweep looks at."""
    doubts: Mapping[str, tuple[Doubt, ...]] = field(default_factory=dict)
    """By environment that is READY: what is not as it was proven."""


@dataclass(frozen=True)
class Finding:
    kind: FindingKind
    environment: str
    action: Repair
    reason: str
    name: str = ""
    """Of the schedule or resource that it is about."""
    record: Record | Unreadable | None = None
    """As it was when this was found: what has changed since is left alone."""
    due: Aftermath | None = None
    resources: tuple[Resource, ...] = ()
    heals: bool = False
    """What is not as it was proven may just be on its way to be so again."""

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "environment": self.environment,
            "action": self.action,
            "reason": self.reason,
            "name": self.name,
            "resources": [f"{each.kind} {each.name}" for each in self.resources],
        }


def findings(facts: AccountFacts) -> list[Finding]:
    """Everything that does not fit together, by environment, and what is done about it."""
    found = [
        *_of_records(facts),
        *_unanswered(facts),
        *_stray_schedules(facts),
        *_orphans(facts),
        *_look_alikes(facts),
        *_not_looked_at(facts),
    ]
    return sorted(found, key=lambda each: (each.environment, each.kind, each.name, each.reason))


def attempt(now: datetime) -> str:
    """Ends the names of what one sweep starts: the same in a sweep that is tried again."""
    return f"sweep-{now.replace(minute=now.minute // 15 * 15):%Y%m%dT%H%M}"


def in_turn(names: Iterable[str], now: datetime) -> list[str]:
    """Sorted, and begun where no sweep has begun for long: four in a row begin in four places that
    divide the list evenly, the next four between them, and so on (van der Corput's sequence). So
    nothing waits for ever, and nobody has to remember where the last one ended."""
    ordered = sorted(names)
    quarters = int(now.timestamp()) // (15 * 60) % (1 << 16)
    first = int(f"{quarters:016b}"[::-1], 2) * len(ordered) >> 16
    return ordered[first:] + ordered[:first]


def repairs(found: Iterable[Finding], now: datetime) -> list[Finding]:
    """Those that are acted on, in that order: by turns the most overdue, and the next in turn, so
    that neither kind waits for the other, nor anything for what fails again and again."""
    acted_on = [each for each in found if each.action is not Repair.REPORT]
    ends = {
        n: times.moment(each.record.expires_at)
        for n, each in enumerate(acted_on)
        if each.kind is FindingKind.EXPIRED and isinstance(each.record, Record)
    }
    turns = {name: n for n, name in enumerate(in_turn({e.environment for e in acted_on}, now))}
    rest = sorted(range(len(acted_on)), key=lambda n: turns[acted_on[n].environment])
    both = chain.from_iterable(zip_longest(sorted(ends, key=lambda n: ends[n]), rest))
    return [acted_on[n] for n in dict.fromkeys(both) if n is not None]


# --- records -------------------------------------------------------------------------------------


def _of_records(facts: AccountFacts) -> Iterator[Finding]:
    for environment, record in facts.records.items():
        if isinstance(record, Unreadable):
            if record.status != Status.DELETED or _owned(facts, environment):
                yield _unreadable(facts, record)
        elif record is not None and record.status is Status.DELETED:
            if record.untold:
                yield _untold(record)
        elif record is not None:
            yield from _of_living(facts, record)


def _of_living(facts: AccountFacts, record: Record) -> Iterator[Finding]:
    # The end of a lease first: after it there is nothing to be made up for but the deletion
    if due := _expired(facts, record) or _died(facts, record) or _closed(facts, record):
        yield due
        return
    if record.untold:
        yield _untold(record)
        return
    if doubts := facts.doubts.get(record.environment):
        yield _doubtful(record, doubts)
    if record.environment in facts.unseen or _holder_runs(facts, record.environment):
        return
    if unarmed := _not_armed(facts, record):
        yield unarmed


def _holder_runs(facts: AccountFacts, environment: str) -> bool:
    holder = facts.holders.get(environment)
    return holder is not None and holder.running


def _died(facts: AccountFacts, record: Record) -> Finding | None:
    holder = facts.holders.get(record.environment)
    if holder is None or holder.running:
        return None
    if holder.ended_at is not None and facts.now - holder.ended_at < GRACE:
        return None
    due = aftermath(record, holder.ended, attempt(facts.now))
    if due is None:
        return None
    told = f"it is {record.status}, and its execution is {holder.ended.status or 'unknown'}"
    return Finding(
        FindingKind.DIED, record.environment, Repair.FOLLOW_UP, told, holder.ended.name, record, due
    )


def _closed(facts: AccountFacts, record: Record) -> Finding | None:
    """Closed in the moment in which it was created: the event found no such environment, and the
    create no such event."""
    closed = facts.closed.get(record.environment)
    if closed is None or facts.now - closed.at < GRACE or record.status is Status.DELETING:
        return None
    if is_outdated(record.intents, LIFECYCLE, closed):
        return None
    named = record.content["triggers"]["pullRequest"]
    start = Start(
        Machine.DELETE,
        name_of_following(record, attempt(facts.now)),
        {
            "environment": record.environment,
            "reason": f"pull request {named['repository']}#{named['number']} closed",
            "intent": closed.to_json(),
        },
        closed.at,
    )
    told = f"it is {record.status}, and that was at {times.timestamp(closed.at)}"
    due = Aftermath(None, start)
    return Finding(
        FindingKind.CLOSED, record.environment, Repair.DELETE, told, record=record, due=due
    )


def _doubtful(record: Record, doubts: tuple[Doubt, ...]) -> Finding:
    """What it is found to be is said by a closer look, with the reason."""
    told = "; ".join(doubt.told for doubt in doubts)
    heals = all(doubt.heals for doubt in doubts)
    name = record.environment
    return Finding(FindingKind.DOUBTFUL, name, Repair.LOOK, told, record=record, heals=heals)


def _untold(record: Record) -> Finding:
    due = Aftermath(None, None)
    told = f"it is {record.status}, and nobody could be told"
    return Finding(
        FindingKind.UNTOLD, record.environment, Repair.TELL, told, record.untold, record, due
    )


def _expired(facts: AccountFacts, record: Record) -> Finding | None:
    """Whatever is at work on it loses, as with its schedule; but not a deletion."""
    if not is_overdue(record, facts.now):
        return None
    start = Start(
        Machine.DELETE,
        name_of_following(record, attempt(facts.now)),
        {
            "environment": record.environment,
            "reason": "lease expired",
            "expiresAt": record.expires_at,
        },
        times.moment(record.expires_at),
    )
    told = f"it is {record.status}, and its lease ended at {record.expires_at}"
    return Finding(
        FindingKind.EXPIRED,
        record.environment,
        Repair.DELETE,
        told,
        record=record,
        due=Aftermath(None, start),
    )


def is_overdue(record: Record, now: datetime) -> bool:
    late = now - times.moment(record.expires_at)
    return record.status is not Status.DELETING and late >= GRACE


def _not_armed(facts: AccountFacts, record: Record) -> Finding | None:
    """What has ended a moment ago has fired, and is not armed for a moment that is past."""
    ends = times.moment(record.expires_at)
    if ends <= facts.now or record.status is Status.DELETING:
        return None
    armed = facts.expiries.get(record.environment)
    lost = _lost_office_hours(facts, record)
    if armed is None:
        why = "no schedule ends its lease"
    elif not armed.enabled:
        why = "the schedule that ends its lease is disabled"
    elif not _ends(armed, ends):
        fires = times.timestamp(armed.at) if armed.at else "again and again"
        why = f"its schedule fires {fires}, for a lease that ends at {armed.expires_at}"
    elif lost:
        why = f"{' and '.join(lost)} of its office hours are gone"
    else:
        return None
    told = f"{why}; the record says {record.expires_at}"
    return Finding(FindingKind.NOT_ARMED, record.environment, Repair.ARM, told, record=record)


def _lost_office_hours(facts: AccountFacts, record: Record) -> list[str]:
    if record.status is Status.NOT_DELETED or record.content["schedule"] is None:
        return []
    wanted = (naming.up_schedule(record.environment), naming.down_schedule(record.environment))
    return [name for name in wanted if name not in facts.schedules]


def _ends(armed: ArmedSchedule, ends: datetime) -> bool:
    """An earlier one would find that the lease was extended, and a later one comes too late."""
    if armed.at is None or not ends <= armed.at <= ends + GRACE:
        return False
    return times.moment(armed.expires_at) >= ends


def _unreadable(facts: AccountFacts, record: Unreadable) -> Finding:
    """Whatever is there of it is found again by its tags, once the lease is over."""
    if record.newer:
        why = f"{record.why}. Until then nothing ends its lease"
        return Finding(
            FindingKind.UNREADABLE, record.environment, Repair.REPORT, why, record=record
        )
    if not record.can_be_rebuilt:
        why = f"{record.why}; without its generation and status it cannot be rebuilt"
        return Finding(
            FindingKind.UNREADABLE, record.environment, Repair.REPORT, why, record=record
        )
    return Finding(
        FindingKind.UNREADABLE,
        record.environment,
        Repair.ADOPT,
        record.why,
        record=record,
        resources=_owned(facts, record.environment),
    )


# --- intents -------------------------------------------------------------------------------------


def _unanswered(facts: AccountFacts) -> Iterator[Finding]:
    """What broke before it took anything, while its end was told to nobody."""
    for ended in facts.unanswered:
        record = facts.records.get(ended.environment or "")
        if isinstance(record, Unreadable) or not ended.environment:
            continue
        if ended.is_unanswered(record) and (again := ended.once_more()):
            yield Finding(
                FindingKind.UNANSWERED,
                ended.environment,
                Repair.AGAIN,
                f"its execution ended as {ended.status}: {ended.why}",
                ended.name,
                record,
                Aftermath(None, again),
            )


# --- what exists ---------------------------------------------------------------------------------


def _is_gone(record: Record | Unreadable | None) -> bool:
    if isinstance(record, Unreadable):
        return False
    return record is None or record.status is Status.DELETED


def _stray_schedules(facts: AccountFacts) -> Iterator[Finding]:
    for environment in sorted({*facts.schedules.values()} - facts.listed_before - _orphaned(facts)):
        names = ", ".join(sorted(n for n, of in facts.schedules.items() if of == environment))
        record = facts.records.get(environment)
        if not environment:
            why = "they have names that Bivouac does not give"
            yield Finding(FindingKind.LOOK_ALIKE, "", Repair.REPORT, why, names)
        elif _is_gone(record):
            why = "it is DELETED" if record else "it has no record"
            yield Finding(
                FindingKind.STRAY_SCHEDULES, environment, Repair.REMOVE, why, names, record
            )


def _orphans(facts: AccountFacts) -> Iterator[Finding]:
    for environment in sorted(_orphaned(facts)):
        record = facts.records.get(environment)
        why = "its record says DELETED" if record else "it has no record"
        yield Finding(
            FindingKind.ORPHANED,
            environment,
            Repair.ADOPT,
            why,
            record=record,
            resources=_owned(facts, environment),
        )


def _orphaned(facts: AccountFacts) -> set[str]:
    """Environments of which something is there, and that have no record, nor had one just now."""
    return {
        each.environment
        for each in facts.resources
        if each.owned
        and each.environment not in facts.listed_before
        and _is_gone(facts.records.get(each.environment))
    }


def _owned(facts: AccountFacts, environment: str) -> tuple[Resource, ...]:
    owned = [each for each in facts.resources if each.owned and each.environment == environment]
    return tuple(sorted(owned, key=lambda each: (each.kind, each.name, each.arn)))


def _look_alikes(facts: AccountFacts) -> Iterator[Finding]:
    """D18."""
    for resource in facts.resources:
        if not (resource.owned or resource.refused):
            yield Finding(
                FindingKind.LOOK_ALIKE,
                resource.environment,
                Repair.REPORT,
                f"a {resource.kind} without the tags of this stack and environment",
                resource.name,
                resources=(resource,),
            )


def _not_looked_at(facts: AccountFacts) -> Iterator[Finding]:
    for resource in facts.resources:
        if resource.refused:
            yield Finding(
                FindingKind.NOT_LOOKED_AT,
                resource.environment,
                Repair.REPORT,
                f"the tags of a {resource.kind} cannot be read: {resource.refused}",
                resource.name,
                resources=(resource,),
            )


def may_hide_a_leak(finding: Finding) -> bool:
    """Whether it could not be looked at, and has a name like ours; or is of a newer stack."""
    if isinstance(finding.record, Unreadable):
        return finding.record.newer
    return finding.kind is FindingKind.NOT_LOOKED_AT and bool(finding.environment)


def ends_of_adopted(now: datetime, live: timedelta, before: Record | Unreadable | None) -> datetime:
    """When what is adopted goes: after the grace time, or when its lease was to end, if later."""
    soonest = lease.expires_at(now, int(live.total_seconds()))
    if not isinstance(before, Unreadable) or before.expires_at is None:
        return soonest
    try:
        return max(soonest, times.moment(before.expires_at))
    except ValueError:
        return soonest


NEEDS_HOLDER = (*HELD, Status.FAILED)
"""Statuses in which it matters what became of the execution."""
