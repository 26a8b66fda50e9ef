"""What a sweep reads, and how it repairs one finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bivouac import events, lease, naming, orphans
from bivouac.aws import armed
from bivouac.aws.events import EventBus
from bivouac.aws.following_up import FollowUp
from bivouac.aws.inventory import Inventory, holder
from bivouac.aws.records import Records
from bivouac.aws.schedules import Schedules
from bivouac.blueprint import Blueprint
from bivouac.errors import NotYetConsistentError, SupersededError
from bivouac.observability import MetricUnit, logger, metrics
from bivouac.record import Record, Status
from bivouac.settings import SweepSettings
from bivouac.sweeping import NEEDS_HOLDER, Action, Facts, Finding, ends_of_adopted

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

_MEANWHILE = (NotYetConsistentError, SupersededError)
"""Somebody else took the environment: it is in good hands."""


@dataclass(frozen=True)
class Sweep:
    now: datetime
    stack: str
    settings: SweepSettings
    records: Records
    inventory: Inventory
    schedules: Schedules
    stepfunctions: SFNClient
    follow_up: FollowUp
    bus: EventBus

    def facts(self) -> Facts:
        """What exists is read before the records are: they are written first, so whatever has none
        afterwards never had one, or has lost it."""
        before = frozenset(self.records.names())
        resources = tuple(self.inventory.resources(before))
        groups, scheduler = self.schedules.settings, self.schedules.client
        scheduled = {
            name: naming.environment_of_schedule(name)
            for group in (groups.expiry_group, groups.office_hours_group)
            for name in armed.names(scheduler, group)
        }
        named = {*before, *scheduled.values(), *(each.environment for each in resources)} - {""}
        found = {name: self.records.look(name) for name in sorted(named)}
        return Facts(
            now=self.now,
            stack=self.stack,
            orphans_live=self.settings.orphans_live,
            records=found,
            listed_before=before,
            holders={
                name: holder(self.stepfunctions, record.execution)
                for name, record in found.items()
                if isinstance(record, Record) and record.status in NEEDS_HOLDER
            },
            expiries={
                name: schedule
                for name in found
                if naming.expiry_schedule(name) in scheduled
                and (schedule := armed.expiry(scheduler, groups.expiry_group, name))
            },
            closed={
                name: closed
                for name, record in found.items()
                if isinstance(record, Record)
                and (named := record.content["triggers"].get("pullRequest"))
                and (closed := self.records.closed(named["repository"], named["number"]))
            },
            schedules=scheduled,
            resources=resources,
        )

    def act(self, finding: Finding) -> bool:
        """False: it is no longer as it was found, or all that is due was done before."""
        if finding.action is Action.REPORT:
            logger.warning("sweep found", finding=finding.to_json())
            return True
        if self.records.look(finding.environment) != finding.record:
            return False
        try:
            if not self._act(finding):
                return False
        except _MEANWHILE as error:
            logger.info("left alone", environment=finding.environment, reason=str(error))
            return False
        if finding.action is not Action.TELL:
            self._tell(finding)
        return True

    def _act(self, finding: Finding) -> bool:
        match finding.action:
            case Action.DELETE | Action.FOLLOW_UP | Action.TELL:
                if finding.due and isinstance(finding.record, Record):
                    return self.follow_up(finding.due, finding.record, self.now)
            case Action.ARM:
                if isinstance(finding.record, Record):
                    self._arm(finding.record)
            case Action.REMOVE:
                self.schedules.disarm(finding.environment)
            case Action.ADOPT:
                self._adopt(finding)
        return True

    def _arm(self, record: Record) -> None:
        ends = lease.moment(record.expires_at)
        match record.status:
            case Status.NOT_DELETED:
                why = "deletion was not complete"
                self.schedules.arm_expiry(record.environment, ends, self.now, why)
            case Status.ORPHANED:
                self.schedules.arm_expiry(record.environment, ends, self.now)
            case _:
                self.schedules.arm(Blueprint.from_json(record.content), ends, self.now)

    def _adopt(self, finding: Finding) -> None:
        """From now on it is an environment that expires, and is deleted with a receipt."""
        before = finding.record
        adopted = orphans.adopted(
            finding.environment,
            self.stack,
            [each.name for each in finding.resources if each.kind == "namespace"],
            before if isinstance(before, Record) else None,
            (before.generation or 0) + 1 if before else 1,
            ends_of_adopted(self.now, self.settings.orphans_live, before),
        )
        self._tell_of_orphans(finding, adopted)
        self.records.take(adopted, before)
        self._arm(adopted)

    def _tell_of_orphans(self, finding: Finding, adopted: Record) -> None:
        """Before they have a record: a try that dies in between finds them again, and tells it."""
        subject = events.Subject(adopted.environment, adopted.generation, self.now)
        for each in finding.resources:
            metrics.add_metric("OrphansFound", MetricUnit.Count, 1)
            self.bus.publish(
                events.orphan_found(
                    subject,
                    kind=each.kind,
                    name=each.name,
                    arn=each.arn,
                    reason=finding.reason,
                    goes_at=adopted.expires_at,
                )
            )

    def _tell(self, finding: Finding) -> None:
        logger.warning("leak repaired", finding=finding.to_json())
        metrics.add_metric("LeaksRepaired", MetricUnit.Count, 1)
        generation = finding.record.generation if finding.record else None
        self.bus.publish(
            events.leak_repaired(
                events.Subject(finding.environment, generation or 0, self.now),
                leak=f"{finding.kind}: {finding.reason}",
                name=finding.name or finding.environment,
                repair=finding.action,
                found_at=lease.timestamp(self.now),
            )
        )
