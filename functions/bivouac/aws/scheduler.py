"""Calls of EventBridge Scheduler."""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bivouac.aws.client_types import EventBridgeSchedulerClient
from bivouac.aws.errors import translated
from bivouac.aws.listing import pages
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.schedules import (
    LEASE_EXPIRED,
    OFFICE_HOURS,
    ScheduleKind,
    expiry,
    group_and_role,
    name_of,
    timetable,
)
from bivouac.json_types import Json
from bivouac.settings import ScheduleSettings


@dataclass(frozen=True)
class Schedules:
    client: EventBridgeSchedulerClient
    settings: ScheduleSettings

    def names(self) -> list[str]:
        """The names of all schedules in the environments' groups."""
        return [
            schedule["Name"]
            for group in (self.settings.expiry_group, self.settings.office_hours_group)
            for schedule in pages(
                f"schedule group {group}",
                self.client,
                "list_schedules",
                "Schedules",
                GroupName=group,
            )
        ]

    def armed_expiry(self, environment: str) -> dict[str, Any] | None:
        """As Scheduler describes it; None if there is none."""
        name = name_of(ScheduleKind.EXPIRY, environment)
        with (
            translated(f"schedule {name}"),
            suppress(self.client.exceptions.ResourceNotFoundException),
        ):
            return dict(self.client.get_schedule(Name=name, GroupName=self.settings.expiry_group))
        return None

    def arm(self, blueprint: Blueprint, ends: datetime, now: datetime) -> None:
        """Make an environment's schedules what its blueprint and the end of its lease say.

        The expiry first: whatever interrupts the others, it has an end. Repeating it changes
        nothing."""
        wanted = timetable(blueprint, ends, now, self.settings)
        for arguments in wanted.values():
            self._put(arguments)
        self._remove(blueprint.environment, keep=wanted)

    def arm_expiry(
        self, environment: str, ends: datetime, now: datetime, reason: str = LEASE_EXPIRED
    ) -> None:
        self._put(expiry(environment, ends, now, self.settings, reason))

    def disarm(self, environment: str, office_hours: bool = True) -> dict[ScheduleKind, bool]:
        """Remove all of them. False: it was gone, as a one-time schedule is after it fired.

        `office_hours`: whether it may have an up and a down."""
        return self._remove(environment, keep=() if office_hours else OFFICE_HOURS)

    def _remove(self, environment: str, keep: Container[str]) -> dict[ScheduleKind, bool]:
        return {kind: self._delete(kind, environment) for kind in ScheduleKind if kind not in keep}

    def _put(self, arguments: Json) -> None:
        """UpdateSchedule overwrites what it is not given, so both calls get all of it (W03).

        The ClientToken is botocore's, another one for each call: one of ours would answer for a
        schedule that was removed since."""
        with translated(f"schedule {arguments['Name']}"):
            try:
                self.client.create_schedule(**arguments)
            except self.client.exceptions.ConflictException:
                self.client.update_schedule(**arguments)

    def _delete(self, kind: ScheduleKind, environment: str) -> bool:
        name = name_of(kind, environment)
        with (
            translated(f"schedule {name}"),
            suppress(self.client.exceptions.ResourceNotFoundException),
        ):
            self.client.delete_schedule(Name=name, GroupName=group_and_role(kind, self.settings)[0])
            return True
        return False
