"""What a sweep finds: records, resources and executions that do not match. Pure.

Facts in, a list of findings out. A dry run returns that list; a real run acts on the same one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Any, Self

from bivouac import times
from bivouac.aws import scheduler_answers
from bivouac.environment.intents import LIFECYCLE, Intent, is_outdated
from bivouac.environment.record import HELD, Record, Status, Unreadable
from bivouac.environment.schedules import LEASE_EXPIRED, OFFICE_HOURS, name_of
from bivouac.json_types import Described, Json
from bivouac.recheck.doubts import Doubt
from bivouac.settings import Machine
from bivouac.sweep.follow_up import Aftermath, Ended, Start, aftermath, name_of_following

GRACE = timedelta(minutes=5)
"""How long to leave alone what has ended or is overdue: schedules and events may come late."""
NEEDS_HOLDER = (*HELD, Status.FAILED)
"""Statuses in which the execution's outcome matters."""


class FindingKind(StrEnum):
    EXPIRED = "expired and alive"
    DIED = "abandoned by its execution"
    NOT_ARMED = "without its schedules"
    CLOSED = "its pull request is closed"
    UNANSWERED = "request not answered"
    UNTOLD = "event not published"
    DOUBTFUL = "no longer as proven"
    STRAY_SCHEDULES = "schedules without an environment"
    ORPHANED = "resources without a record"
    UNREADABLE = "unreadable record"
    LOOK_ALIKE = "look-alike"
    NOT_CHECKED = "not checked"


class Repair(StrEnum):
    DELETE = "starts a deletion"
    FOLLOW_UP = "finishes what its execution could not"
    PUBLISH = "publishes the event"
    RECHECK = "rechecks it"
    RETRY = "retries the request"
    ARM = "arms its schedules"
    REMOVE = "removes its schedules"
    ADOPT = "writes a record that expires"
    REPORT = "only reports it"


@dataclass(frozen=True)
class Resource:
    """An existing resource with a name or tags like ours."""

    kind: str
    name: str
    arn: str
    environment: str
    """The environment that its name or tags say; empty if its name is none of ours."""
    owned: bool
    """It has both tags of this stack, and the matching name (D18)."""
    refused: str = ""
    """Why AWS refused to show its tags."""


@dataclass(frozen=True)
class ArmedSchedule:
    """An expiry schedule as it exists."""

    at: datetime | None
    """None if it is not a one-time schedule."""
    expires_at: str
    """The end of the lease that it was armed for."""
    enabled: bool

    @classmethod
    def of(cls, described: Described) -> Self:
        once = scheduler_answers.once_at(described)
        content = json.loads(described["Target"].get("Input") or "{}")
        return cls(
            times.moment(f"{once}Z") if once else None,
            content.get("expiresAt", ""),
            scheduler_answers.is_enabled(described),
        )


@dataclass(frozen=True)
class AccountFacts:
    now: datetime
    records: Mapping[str, Record | Unreadable | None]
    """By environment, for every name that occurs below."""
    listed_before: frozenset[str] = frozenset()
    """The environments that had a record before anything was read: a resource of theirs that was
    listed is no orphan, even if the record is gone by now."""
    holders: Mapping[str, Ended] = field(default_factory=dict)
    """By environment: the execution that holds it or, if it failed, last held it."""
    expiries: Mapping[str, ArmedSchedule] = field(default_factory=dict)
    """By environment."""
    schedules: Mapping[str, str] = field(default_factory=dict)
    """Environment by name, of every schedule in the stack's groups."""
    resources: tuple[Resource, ...] = ()
    closed: Mapping[str, Intent] = field(default_factory=dict)
    """By environment: when its pull request was closed, if it was."""
    unanswered: tuple[Ended, ...] = ()
    """Executions that recently ended without success, and may have been started by an event."""
    unseen: frozenset[str] = frozenset()
    """Environments whose execution and schedule there was no time to read."""
    not_looked_at: int = 0
    """How many checks are left for the next sweep, those of `unseen` included."""
    doubts: Mapping[str, tuple[Doubt, ...]] = field(default_factory=dict)
    """By READY environment: what is no longer as proven."""


@dataclass(frozen=True)
class Finding:
    kind: FindingKind
    environment: str
    action: Repair
    reason: str
    name: str = ""
    """The schedule or resource concerned."""
    record: Record | Unreadable | None = None
    """As read for this finding; if it has changed since, nothing is done."""
    due: Aftermath | None = None
    resources: tuple[Resource, ...] = ()
    heals: bool = False
    """ECS may already be restoring what is no longer as proven."""

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "environment": self.environment,
            "action": self.action,
            "reason": self.reason,
            "name": self.name,
            "resources": [f"{each.kind} {each.name}" for each in self.resources],
        }

    def described(self, why: str) -> str:
        return f"{self.environment}: {self.kind}: {why}"


def findings(facts: AccountFacts) -> list[Finding]:
    """Everything that does not match, by environment, and its repair."""
    found = [
        *_of_records(facts),
        *_unanswered(facts),
        *_stray_schedules(facts),
        *_orphans(facts),
        *_not_ours(facts),
    ]
    return sorted(found, key=lambda each: (each.environment, each.kind, each.name, each.reason))


def attempt(now: datetime) -> str:
    """The end of the names of what one sweep starts; the same when the sweep is retried."""
    return f"sweep-{now.replace(minute=now.minute // 15 * 15):%Y%m%dT%H%M}"


def in_turn(names: Iterable[str], now: datetime) -> list[str]:
    """Sorted, but each sweep starts at a different place: four sweeps in a row at four places that
    divide the list evenly, the next four between them, and so on (van der Corput's sequence). So
    nothing waits for ever, and no sweep has to store where it ended."""
    ordered = sorted(names)
    quarters = int(now.timestamp()) // (15 * 60) % (1 << 16)
    first = int(f"{quarters:016b}"[::-1], 2) * len(ordered) >> 16
    return ordered[first:] + ordered[:first]


def repairs(found: Iterable[Finding], now: datetime) -> list[Finding]:
    """The findings to act on, in order: the most overdue and the next in turn alternate, so that
    neither waits for the other, and nothing waits for a repair that always fails."""
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
    # The end of a lease first: after it, only the deletion matters
    if due := _expired(facts, record) or _died(facts, record) or _closed(facts, record):
        yield due
        return
    if record.untold:
        yield _untold(record)
        return
    if doubts := facts.doubts.get(record.environment):
        yield _doubtful(record, doubts)
    holder = facts.holders.get(record.environment)
    if record.environment in facts.unseen or (holder and holder.is_at_work):
        return
    if unarmed := _not_armed(facts, record):
        yield unarmed


def _died(facts: AccountFacts, record: Record) -> Finding | None:
    holder = facts.holders.get(record.environment)
    if holder is None or holder.is_at_work:
        return None
    lately = holder.stopped_at is not None and facts.now - holder.stopped_at < GRACE
    due = None if lately else aftermath(record, holder, attempt(facts.now))
    if due is None:
        return None
    return Finding(
        FindingKind.DIED,
        record.environment,
        Repair.FOLLOW_UP,
        f"it is {record.status}, and its execution is {holder.status or 'unknown'}",
        holder.name,
        record,
        due,
    )


def _closed(facts: AccountFacts, record: Record) -> Finding | None:
    """The pull request was closed just as the environment was created: the event found no
    environment, and the create found no event."""
    closed = facts.closed.get(record.environment)
    if (
        closed is None
        or facts.now - closed.at < GRACE
        or record.status is Status.DELETING
        or is_outdated(record.intents, LIFECYCLE, closed)
    ):
        return None
    named = record.blueprint["triggers"]["pullRequest"]
    content = {
        "environment": record.environment,
        "reason": f"pull request {named['repository']}#{named['number']} closed",
        "intent": closed.to_json(),
    }
    why = f"it is {record.status}, but that was at {times.timestamp(closed.at)}"
    return _deletion(facts, FindingKind.CLOSED, record, content, closed.at, why)


def _deletion(
    facts: AccountFacts,
    kind: FindingKind,
    record: Record,
    content: Json,
    since: datetime,
    reason: str,
) -> Finding:
    name = name_of_following(record, attempt(facts.now))
    due = Aftermath(None, Start(Machine.DELETE, name, content, since))
    return Finding(kind, record.environment, Repair.DELETE, reason, record=record, due=due)


def _doubtful(record: Record, doubts: tuple[Doubt, ...]) -> Finding:
    """A recheck decides whether it is DEGRADED, and why."""
    return Finding(
        FindingKind.DOUBTFUL,
        record.environment,
        Repair.RECHECK,
        "; ".join(doubt.reason for doubt in doubts),
        record=record,
        heals=all(doubt.heals for doubt in doubts),
    )


def _untold(record: Record) -> Finding:
    return Finding(
        FindingKind.UNTOLD,
        record.environment,
        Repair.PUBLISH,
        f"it is {record.status}, and its event could not be published",
        record.untold,
        record,
        Aftermath(None, None),
    )


def _expired(facts: AccountFacts, record: Record) -> Finding | None:
    """The deletion wins over whatever else is running, as when the schedule fires; a deletion that
    is already running goes on."""
    if not is_overdue(record, facts.now):
        return None
    content = {
        "environment": record.environment,
        "reason": LEASE_EXPIRED,
        "expiresAt": record.expires_at,
    }
    ended = times.moment(record.expires_at)
    why = f"it is {record.status}, but its lease ended at {record.expires_at}"
    return _deletion(facts, FindingKind.EXPIRED, record, content, ended, why)


def is_overdue(record: Record, now: datetime) -> bool:
    late = now - times.moment(record.expires_at)
    return record.status is not Status.DELETING and late >= GRACE


def _not_armed(facts: AccountFacts, record: Record) -> Finding | None:
    """A schedule whose time has come has fired; none is armed for a time that is past."""
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
        fires = f"at {times.timestamp(armed.at)}" if armed.at else "repeatedly"
        why = f"its schedule fires {fires}, for a lease that ends at {armed.expires_at}"
    elif lost:
        why = f"schedules of its office hours are missing: {' and '.join(lost)}"
    else:
        return None
    reason = f"{why}; the record says {record.expires_at}"
    return Finding(FindingKind.NOT_ARMED, record.environment, Repair.ARM, reason, record=record)


def _lost_office_hours(facts: AccountFacts, record: Record) -> list[str]:
    if record.status is Status.NOT_DELETED or record.blueprint["schedule"] is None:
        return []
    wanted = (name_of(kind, record.environment) for kind in OFFICE_HOURS)
    return [name for name in wanted if name not in facts.schedules]


def _ends(armed: ArmedSchedule, ends: datetime) -> bool:
    """An earlier schedule would find the lease extended; a later one fires too late."""
    if armed.at is None or not ends <= armed.at <= ends + GRACE:
        return False
    return times.moment(armed.expires_at) >= ends


def _unreadable(facts: AccountFacts, record: Unreadable) -> Finding:
    """If the record can be rebuilt, its resources are found by their tags when the lease ends."""
    why, repair, resources = record.why, Repair.REPORT, tuple[Resource, ...]()
    if record.newer:
        why += ". Until then nothing ends its lease"
    elif not record.can_be_rebuilt:
        why += "; without its generation and status it cannot be rebuilt"
    else:
        repair, resources = Repair.ADOPT, _owned(facts, record.environment)
    return Finding(
        FindingKind.UNREADABLE,
        record.environment,
        repair,
        why,
        record=record,
        resources=resources,
    )


# --- intents -------------------------------------------------------------------------------------


def _unanswered(facts: AccountFacts) -> Iterator[Finding]:
    """Requests whose execution failed before it took the environment, and whose end no event
    reported."""
    for ended in facts.unanswered:
        record = facts.records.get(ended.environment or "")
        if isinstance(record, Unreadable) or not ended.environment:
            continue
        if ended.is_unanswered(record) and (again := ended.once_more()):
            yield Finding(
                FindingKind.UNANSWERED,
                ended.environment,
                Repair.RETRY,
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
            why = "Bivouac never uses such names"
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
    """Environments with resources but without a record, now and when the sweep began."""
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


def _not_ours(facts: AccountFacts) -> Iterator[Finding]:
    """D18: what has a name like ours, but not our tags, or none that can be read."""
    for resource in facts.resources:
        if resource.refused:
            kind = FindingKind.NOT_CHECKED
            why = f"the tags of a {resource.kind} cannot be read: {resource.refused}"
        elif not resource.owned:
            kind = FindingKind.LOOK_ALIKE
            why = f"a {resource.kind} without the tags of this stack and environment"
        else:
            continue
        about = resource.environment
        yield Finding(kind, about, Repair.REPORT, why, resource.name, resources=(resource,))


def may_hide_a_leak(finding: Finding) -> bool:
    """Whether it has a name like ours and could not be checked, or its record is of a newer
    version."""
    if isinstance(finding.record, Unreadable):
        return finding.record.newer
    return finding.kind is FindingKind.NOT_CHECKED and bool(finding.environment)
