"""Reads what a sweep compares, and repairs one finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from bivouac import times
from bivouac.aws import ecs, executions
from bivouac.aws.scheduler import Schedules
from bivouac.deletion import remaining
from bivouac.environment import naming
from bivouac.environment.event import Subject
from bivouac.environment.record import HELD, Record, Status
from bivouac.environment.schedules import NOT_COMPLETE, ScheduleKind, name_of
from bivouac.environment.wait_times import PATIENCE_SECONDS
from bivouac.errors import BivouacError, NotYetConsistentError, SupersededError, ThrottledError
from bivouac.json_types import Json
from bivouac.notifications import events
from bivouac.observability import MetricUnit, logger, metrics
from bivouac.recheck import doubts
from bivouac.recheck.doubts import Doubt
from bivouac.recheck.recheck import Recheck
from bivouac.recheck.still_ready import StillReadyPoll
from bivouac.settings import Machine, SweepSettings
from bivouac.sweep import adoption
from bivouac.sweep.budget import (
    A_CALL,
    A_REPAIR,
    BROKEN,
    LIVING,
    PROOFS,
    REPAIRS,
    SERVICES,
    SERVICES_AT_ONCE,
    TAGS,
    Budget,
    Pace,
    Share,
)
from bivouac.sweep.findings import (
    GRACE,
    NEEDS_HOLDER,
    AccountFacts,
    ArmedSchedule,
    Finding,
    Repair,
    in_turn,
    is_overdue,
)
from bivouac.sweep.follow_up import Aftermath, Ended, Start
from bivouac.sweep.inventory import Inventory
from bivouac.sweep.start_follow_up import FollowUp

HOLDING = (Machine.CREATE, Machine.SLEEP, Machine.DELETE)
"""The machines whose executions hold records; the others start these."""
ENDED_LATELY = timedelta(hours=1)
RUNNING = Ended("", "RUNNING")
_MEANWHILE = (NotYetConsistentError, SupersededError)
"""Another execution has taken the environment and takes care of it."""


@dataclass(frozen=True)
class Sweep:
    now: datetime
    stack: str
    settings: SweepSettings
    inventory: Inventory
    schedules: Schedules
    follow_up: FollowUp
    recheck: Recheck

    @property
    def budget(self) -> Budget:
        return Budget(self.now, self.settings.takes)

    def facts(self) -> AccountFacts:
        """Resources are listed before the records are read. A record is written before its
        resources, so a resource without a record afterwards never had one, or has lost it."""
        before = frozenset(self.follow_up.records.names())
        listing = self.inventory.listed(before)
        names = self.schedules.names()
        scheduled = {name: naming.environment_of_schedule(name) for name in names}
        # Resources are grouped by name here; a namespace's tags are read later
        records = self.follow_up.records.read_all(
            {*before, *scheduled.values(), *listing.environments} - {""}
        )
        readable = {n: each for n, each in records.items() if isinstance(each, Record)}
        holders, expiries, unseen = self._living(readable, scheduled.keys())
        resources = self.inventory.resources(
            listing,
            {each.namespace_arn for each in readable.values()},
            tags := self.budget.share(TAGS),
            self._in_turn,
        )
        unanswered = self._unanswered(broken := self.budget.share(BROKEN))
        named = {*(e.environment for e in resources), *(e.environment or "" for e in unanswered)}
        more = named - records.keys() - {""}
        return AccountFacts(
            now=self.now,
            records=records | self.follow_up.records.read_all(sorted(more)),
            listed_before=before,
            holders=holders,
            expiries=expiries,
            closed=self.follow_up.records.closings(readable),
            doubts=self._doubtful(readable, proofs := self.budget.share(PROOFS)),
            unanswered=tuple(unanswered),
            schedules=scheduled,
            resources=tuple(resources),
            unseen=frozenset(unseen),
            not_looked_at=len(unseen) + tags.refused + proofs.refused + broken.refused,
        )

    def _in_turn(self, names: Iterable[str]) -> list[str]:
        return in_turn(names, self.now)

    def _living(
        self, records: Mapping[str, Record], scheduled: Set[str]
    ) -> tuple[dict[str, Ended], dict[str, ArmedSchedule], list[str]]:
        """What can only be read one by one: executions that may have ended, and schedules; and the
        environments for which there was no time."""
        living = {
            name: record
            for name, record in records.items()
            if record.status is not Status.DELETED and not is_overdue(record, self.now)
        }
        running = self._running(living.values())
        holders: dict[str, Ended] = {}
        expiries: dict[str, ArmedSchedule] = {}
        unseen = []
        time = self.budget.share(LIVING)
        for name in self._in_turn(living):
            record = living[name]
            if record.execution in running and record.status in HELD:
                holders[name] = RUNNING
                continue
            is_armed = name_of(ScheduleKind.EXPIRY, name) in scheduled
            calls = is_armed + (record.status in NEEDS_HOLDER)
            if not calls:
                continue
            if not time.takes(calls * A_CALL):
                unseen.append(name)
                continue
            try:
                if record.status in NEEDS_HOLDER:
                    unknown = Ended(record.execution, "")
                    holders[name] = self.follow_up.described(record.execution) or unknown
                if is_armed and (schedule := self.schedules.armed_expiry(name)):
                    expiries[name] = ArmedSchedule.of(schedule)
            except ThrottledError:
                unseen.append(name)
        return holders, expiries, unseen

    def _running(self, records: Iterable[Record]) -> set[str]:
        """The running executions, if any record is held by one."""
        if not any(record.status in HELD for record in records):
            return set()
        client = self.follow_up.stepfunctions
        return set().union(*(executions.running(client, machine.arn) for machine in HOLDING))

    def _unanswered(self, time: Share) -> list[Ended]:
        """Executions that ended without success in the last few sweeps, and may have been started
        by an event: Step Functions reports an end once, best effort."""
        found: list[Ended] = []
        since, until = self.now - ENDED_LATELY, self.now - GRACE
        client = self.follow_up.stepfunctions
        for machine in Machine:
            try:
                for arn in executions.broken(client, machine.arn, since, until):
                    if not time.takes(A_CALL):
                        return found
                    if ended := self.follow_up.described(arn):
                        found.append(ended)
            except BivouacError as error:
                logger.warning("not checked", machine=machine.arn, reason=str(error))
        return found

    def _doubtful(self, records: Mapping[str, Record], time: Share) -> dict[str, tuple[Doubt, ...]]:
        """READY environments that may no longer be healthy. The next sweep checks those that cannot
        be read now, or for which there is no time."""
        ready = {n: record for n, record in records.items() if record.status is Status.READY}
        found: dict[str, tuple[Doubt, ...]] = {}
        pace = Pace(SERVICES, SERVICES_AT_ONCE)
        for name in self._in_turn(ready):
            services = [entry.service_name for entry in doubts.proven(ready[name])]
            if services and time.takes(ecs.calls_for(services) * SERVICES):
                pace.wait()
                found[name] = self._doubts(ready[name], services)
        return {name: each for name, each in found.items() if each}

    def _doubts(self, record: Record, names: list[str]) -> tuple[Doubt, ...]:
        cluster = record.blueprint["cluster"]["clusterName"]
        try:
            services = remaining.services(self.inventory.ecs, cluster, names)
        except BivouacError as error:
            logger.warning("not checked", environment=record.environment, reason=str(error))
            return ()
        return tuple(doubts.doubts(record, services))

    def work_through(self, listed: Iterable[Finding]) -> tuple[list[Json], list[str], int]:
        """Acts on all of them, as far as there is time: each with its outcome, the repairs that
        failed, and the number of those left for the next sweep."""
        swept: list[Json] = []
        failed: list[str] = []
        time = self.budget.share(REPAIRS)
        for finding in listed:
            outcome = "NEXT_TIME"
            try:
                if finding.action is Repair.REPORT or time.takes(A_REPAIR):
                    outcome = "ACTED" if self.act(finding) else "LEFT_ALONE"
            except BivouacError as error:
                logger.exception("not repaired", finding=finding.to_json())
                failed.append(finding.described(str(error)))
            swept.append({**finding.to_json(), "outcome": outcome})
        return swept, failed, time.refused

    def act(self, finding: Finding) -> bool:
        """False: it has changed since it was found, or there was nothing left to do."""
        if finding.action is Repair.REPORT:
            logger.warning("sweep found", finding=finding.to_json())
            return True
        if self.follow_up.records.read_all([finding.environment]) != {
            finding.environment: finding.record
        }:
            return False
        try:
            if not self._act(finding):
                return False
        except _MEANWHILE as error:
            logger.info("left alone", environment=finding.environment, reason=str(error))
            return False
        if finding.action not in (Repair.PUBLISH, Repair.RECHECK):
            self._publish(finding)
        return True

    def _act(self, finding: Finding) -> bool:
        match finding.action, finding.record, finding.due:
            case (
                Repair.DELETE | Repair.FOLLOW_UP | Repair.PUBLISH,
                Record() as record,
                Aftermath() as due,
            ):
                return self.follow_up(due, record, self.now).done
            case Repair.RETRY, _, Aftermath(start=Start() as start):
                return self.follow_up.start(start).anew
            case Repair.RECHECK, Record() as record, _:
                return self._degraded(record, finding.heals)
            case Repair.ARM, Record() as record, _:
                self._arm(record)
            case Repair.REMOVE, _, _:
                self.schedules.disarm(finding.environment)
            case Repair.ADOPT, _, _:
                self._adopt(finding)
        return True

    def _degraded(self, record: Record, heals: bool) -> bool:
        """False if it is as proven after all, or ECS may still be replacing a task."""
        result = StillReadyPoll(record)()
        if result.is_fit:
            return False
        ended = result.last_ended
        lately = ended is not None and (self.now - ended).total_seconds() < PATIENCE_SECONDS
        if heals and lately and not result.failed:
            return False
        return self.recheck.judge(record, result, self.now) is Status.DEGRADED

    def _arm(self, record: Record) -> None:
        ends = times.moment(record.expires_at)
        match record.status:
            case Status.NOT_DELETED:
                self.schedules.arm_expiry(record.environment, ends, self.now, NOT_COMPLETE)
            case Status.ORPHANED:
                self.schedules.arm_expiry(record.environment, ends, self.now)
            case _:
                self.schedules.arm(record.planned, ends, self.now)

    def _adopt(self, finding: Finding) -> None:
        """From now on it is an environment that expires and is deleted with a receipt."""
        before = finding.record
        adopted = adoption.adopted(
            finding.environment,
            self.stack,
            [each.name for each in finding.resources if each.kind == "namespace"],
            before,
            adoption.goes_at(self.now, self.settings.orphans_live, before),
        )
        self._publish_orphans(finding, adopted)
        self.follow_up.records.take(adopted, before)
        self._arm(adopted)

    def _publish_orphans(self, finding: Finding, adopted: Record) -> None:
        """Before the record is written: if the sweep crashes in between, the next one finds them
        and publishes again."""
        subject = Subject(adopted.environment, adopted.generation, self.now)
        metrics.add_metric("OrphansFound", MetricUnit.Count, len(finding.resources))
        self.follow_up.bus.publish(
            *(
                events.orphan_found(
                    subject,
                    kind=each.kind,
                    name=each.name,
                    arn=each.arn,
                    because=finding.reason,
                    goes_at=adopted.expires_at,
                )
                for each in finding.resources
            )
        )

    def _publish(self, finding: Finding) -> None:
        logger.warning("leak repaired", finding=finding.to_json())
        metrics.add_metric("LeaksRepaired", MetricUnit.Count, 1)
        generation = finding.record.generation if finding.record else None
        self.follow_up.bus.publish(
            events.leak_repaired(
                Subject(finding.environment, generation or 0, self.now),
                leak=f"{finding.kind}: {finding.reason}",
                name=finding.name or finding.environment,
                repair=finding.action,
                since=times.timestamp(self.now),
            )
        )
