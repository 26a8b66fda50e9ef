"""What a sweep finds: its plan never touches anything foreign, or anything within its lease."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bivouac import times
from bivouac.environment.intents import Verb
from bivouac.environment.record import HELD, Record, Status, Unreadable
from bivouac.sweep import adoption
from bivouac.sweep.findings import (
    GRACE,
    NEEDS_HOLDER,
    AccountFacts,
    ArmedSchedule,
    Finding,
    FindingKind,
    Repair,
    Resource,
    attempt,
    findings,
    in_turn,
)
from bivouac.sweep.follow_up import Ended

NOW = datetime(2026, 1, 31, 12, 7, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-central-1:123456789012:execution:bivouac-create-environment"
NAMES = ("a", "b", "c-d")
SECOND = timedelta(seconds=1)
ORPHANS_LIVE = timedelta(hours=1)


def record(name: str = "a", status: Status = Status.READY, **changes: Any) -> Record:
    return Record(
        **{
            "environment": name,
            "generation": 7,
            "status": status,
            "execution": f"{MACHINE}:{name}",
            "request_hash": "same",
            "blueprint": {"on_failure": "delete", "schedule": None},
            "expires_at": times.timestamp(NOW + timedelta(hours=8)),
            "settle": False,
            **changes,
        }
    )


def holder(name: str = "a", ended_ago: timedelta | None = None) -> Ended:
    """A running execution, unless it ended."""
    arn = f"{MACHINE}:{name}"
    if ended_ago is None:
        return Ended(arn, "RUNNING")
    return Ended(arn, "ABORTED", stopped_at=NOW - ended_ago)


def armed(found: Record) -> ArmedSchedule:
    return ArmedSchedule(times.moment(found.expires_at), found.expires_at, True)


def facts(*records: Record, **more: Any) -> AccountFacts:
    """Everything armed as it should be, unless `more` says otherwise."""
    return AccountFacts(
        **{
            "now": NOW,
            "records": {each.environment: each for each in records},
            "listed_before": frozenset(
                each.environment for each in records if each.status is not Status.DELETED
            ),
            "expiries": {each.environment: armed(each) for each in records},
            "holders": {},
            **more,
        }
    )


def seen(found: AccountFacts) -> list[tuple[str, FindingKind, Repair]]:
    return [(each.environment, each.kind, each.action) for each in findings(found)]


# --- every situation -----------------------------------------------------------------------------

ages = st.sampled_from([timedelta(0), GRACE - SECOND, GRACE, timedelta(days=2)])
moments = ages.flatmap(lambda age: st.sampled_from([NOW - age, NOW + age]))
records = st.builds(
    record,
    name=st.sampled_from(NAMES),
    status=st.sampled_from(Status),
    verb=st.sampled_from(Verb),
    blueprint=st.sampled_from(
        [{"on_failure": "delete", "schedule": None}, {"on_failure": "keep", "schedule": {}}]
    ),
    expires_at=moments.map(times.timestamp),
)
unreadable = st.builds(
    Unreadable,
    environment=st.sampled_from(NAMES),
    why=st.just("garbled"),
    generation=st.sampled_from([None, 3]),
    status=st.sampled_from([None, "READY", "DELETED", "PUZZLED"]),
    expires_at=st.sampled_from([None, "soon", times.timestamp(NOW + timedelta(hours=3))]),
    attributes=st.just(("environment",)),
)
schedules = st.builds(
    ArmedSchedule,
    at=st.none() | moments,
    expires_at=moments.map(times.timestamp),
    enabled=st.booleans(),
)
resources = st.builds(
    Resource,
    kind=st.sampled_from(["cluster", "namespace", "log group", "task definition"]),
    name=st.sampled_from(["x", "y"]),
    arn=st.just("arn"),
    environment=st.sampled_from(["", *NAMES]),
    owned=st.booleans(),
).map(lambda each: replace(each, owned=each.owned and each.environment != ""))


# Made once: a strategy that each situation made anew would cost as much as what it draws.
recorded = st.none() | records | unreadable
listed = st.frozensets(st.sampled_from(NAMES))
running_or_ended = st.none() | ages
expiries = st.dictionaries(st.sampled_from(NAMES), schedules)
scheduled = st.frozensets(st.sampled_from(["", *NAMES]))
tagged = st.lists(resources, max_size=5)


@st.composite
def situations(draw: st.DrawFn) -> AccountFacts:
    known: dict[str, Record | Unreadable | None] = {}
    for name in NAMES:
        found = draw(recorded)
        known[name] = replace(found, environment=name) if found else None
    return AccountFacts(
        now=NOW,
        records=known,
        listed_before=draw(listed),
        holders={
            name: holder(name, draw(running_or_ended))
            for name, found in known.items()
            if isinstance(found, Record) and found.status in NEEDS_HOLDER
        },
        expiries=draw(expiries),
        schedules={f"{name}-expiry": name for name in draw(scheduled)},
        resources=tuple(draw(tagged)),
    )


def starts_a_deletion(finding: Finding) -> bool:
    return finding.due is not None and finding.due.start is not None


class TestEverySituation:
    @given(situations())
    def test_nothing_foreign_is_acted_on(self, found: AccountFacts) -> None:
        """D18."""
        for finding in findings(found):
            if any(not resource.owned for resource in finding.resources):
                assert finding.action is Repair.REPORT

    @given(situations())
    def test_nothing_within_its_lease_is_deleted(self, found: AccountFacts) -> None:
        for finding in findings(found):
            if not starts_a_deletion(finding):
                continue
            about = finding.record
            assert isinstance(about, Record)
            holds = found.holders.get(about.environment)
            dead = holds is not None and not holds.is_at_work
            assert dead or times.moment(about.expires_at) <= NOW - GRACE

    @given(situations())
    def test_everything_past_its_lease_is_deleted(self, found: AccountFacts) -> None:
        """Except what is being deleted, and what could not be deleted: that is retried at its own
        pace."""
        ended = {
            name
            for name, about in found.records.items()
            if isinstance(about, Record)
            and about.status not in (Status.DELETING, Status.DELETED)
            and times.moment(about.expires_at) <= NOW - GRACE
        }
        deleted = {each.environment for each in findings(found) if starts_a_deletion(each)}
        assert ended <= deleted

    @given(situations())
    def test_a_kept_failure_is_not_deleted_before_its_lease_ends(self, found: AccountFacts) -> None:
        for finding in findings(found):
            about = finding.record
            if finding.kind is FindingKind.DIED and isinstance(about, Record):
                keeps = (
                    about.status is not Status.DELETING and about.blueprint["on_failure"] == "keep"
                )
                assert not (keeps and starts_a_deletion(finding))

    @given(situations())
    def test_an_existing_environment_keeps_its_schedules(self, found: AccountFacts) -> None:
        for finding in findings(found):
            if finding.action is Repair.REMOVE:
                about = finding.record
                assert about is None or (
                    isinstance(about, Record) and about.status is Status.DELETED
                )

    @given(situations())
    def test_an_environment_is_deleted_once_and_adopted_once(self, found: AccountFacts) -> None:
        ends = [
            finding.environment
            for finding in findings(found)
            if finding.action in (Repair.DELETE, Repair.FOLLOW_UP, Repair.ADOPT, Repair.ARM)
        ]
        assert len(ends) == len(set(ends))

    @given(situations())
    def test_an_adopted_orphan_stays_for_the_grace_period(self, found: AccountFacts) -> None:
        for finding in findings(found):
            if finding.action is Repair.ADOPT:
                ends = adoption.goes_at(NOW, ORPHANS_LIVE, finding.record)
                assert ends >= NOW + ORPHANS_LIVE

    @given(situations())
    def test_the_same_facts_give_the_same_findings(self, found: AccountFacts) -> None:
        backwards = replace(
            found,
            records=dict(reversed(list(found.records.items()))),
            resources=found.resources[::-1],
        )
        assert findings(found) == findings(backwards)


# --- single findings -----------------------------------------------------------------------------


class TestExpiry:
    def test_a_consistent_environment_has_no_findings(self) -> None:
        for status in set(Status) - set(HELD):
            assert seen(facts(record(status=status))) == []

    def test_a_running_deletion_is_left_alone(self) -> None:
        ended = record(status=Status.DELETING, expires_at=times.timestamp(NOW - GRACE))
        assert seen(facts(ended, holders={"a": holder()})) == []

    def test_a_create_past_its_lease_is_deleted(self) -> None:
        ended = record(status=Status.CREATING, expires_at=times.timestamp(NOW - GRACE))
        found = facts(ended, holders={"a": holder()})
        assert seen(found) == [("a", FindingKind.EXPIRED, Repair.DELETE)]

    def test_a_schedule_for_an_earlier_end_is_replaced(self) -> None:
        before = armed(record(expires_at=times.timestamp(NOW + timedelta(hours=7))))
        found = facts(record(), expiries={"a": before})
        assert seen(found) == [("a", FindingKind.NOT_ARMED, Repair.ARM)]

    def test_a_disabled_schedule_is_replaced(self) -> None:
        found = facts(record(), expiries={"a": replace(armed(record()), enabled=False)})
        assert seen(found) == [("a", FindingKind.NOT_ARMED, Repair.ARM)]


class TestDied:
    def test_an_execution_that_just_ended_is_left_to_its_event(self) -> None:
        died = record(status=Status.CREATING)
        assert seen(facts(died, holders={"a": holder(ended_ago=GRACE - SECOND)})) == []
        found = facts(died, holders={"a": holder(ended_ago=GRACE)})
        assert seen(found) == [("a", FindingKind.DIED, Repair.FOLLOW_UP)]

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FALLING_ASLEEP])
    @pytest.mark.parametrize("verb", Verb)
    def test_a_recorded_failure_is_found_again_only_if_something_is_to_be_started(
        self, status: Status, verb: Verb
    ) -> None:
        died = record(status=status, verb=verb)
        dead = {"a": holder(ended_ago=GRACE)}
        (first,) = findings(facts(died, holders=dead))
        assert first.due is not None
        recorded = replace(died, status=Status.FAILED, failure=first.due.failure or {})
        again = [each.due for each in findings(facts(recorded, holders=dead))]
        assert [due.start for due in again if due] == [first.due.start] * bool(first.due.start)


class TestSight:
    CLUSTER = Resource("cluster", "bivouac-a", "arn", "a", owned=True)

    def test_resources_whose_record_just_disappeared_are_no_orphans(self) -> None:
        """It was deleted during the sweep."""
        gone = record(status=Status.DELETED)
        found = facts(gone, resources=(self.CLUSTER,), listed_before=frozenset({"a"}))
        assert seen(found) == []

    def test_an_orphan_keeps_the_schedule_that_it_gets(self) -> None:
        found = facts(resources=(self.CLUSTER,), records={"a": None}, schedules={"a-expiry": "a"})
        assert seen(found) == [("a", FindingKind.ORPHANED, Repair.ADOPT)]


def test_two_sweeps_of_one_quarter_of_an_hour_start_the_same() -> None:
    assert attempt(NOW) == attempt(NOW.replace(minute=14)) == "sweep-20260131T1200"
    assert attempt(NOW.replace(minute=15)) == "sweep-20260131T1215"


def test_an_adopted_record_has_no_request() -> None:
    """Nobody can redeploy or wake what was found."""
    adopted = adoption.adopted("a", "bivouac", ["theirs.internal"], None, NOW)
    assert (adopted.request, adopted.base_request) == ("", "")
    assert adopted.blueprint["namespace"] == "theirs.internal"
    assert adopted.blueprint["services"] == []


class TestInTurn:
    QUARTER = timedelta(minutes=15)
    MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1))

    @settings(max_examples=20)
    @given(st.integers(1, 12), MOMENTS)
    def test_no_finding_waits_for_ever(self, count: int, first: datetime) -> None:
        """Even if each sweep has time for only one."""
        names = {f"{number:02}" for number in range(count)}
        quarters = (first.replace(tzinfo=UTC) + n * self.QUARTER for n in range(4 * count))
        assert {in_turn(names, now)[0] for now in quarters} == names

    @settings(max_examples=20)
    @given(st.integers(1, 500), MOMENTS)
    def test_four_sweeps_of_an_hour_need_time_for_a_quarter_each(
        self, count: int, hour: datetime
    ) -> None:
        names = {f"{number:03}" for number in range(count)}
        seen: set[str] = set()
        for minute in (7, 22, 37, 52):
            turn = in_turn(names, hour.replace(minute=minute, tzinfo=UTC))
            assert set(turn) == names
            seen.update(turn[: -(-count // 4)])
        assert seen == names
