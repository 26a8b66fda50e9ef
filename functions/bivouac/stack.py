"""This stack's tables, event bus and schedules, and the record that a step acts on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bivouac import settings
from bivouac.aws import clients
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.aws.scheduler import Schedules
from bivouac.environment.record import Record
from bivouac.settings import ScheduleSettings, StackSettings


def records() -> Records:
    """The environments table of this stack."""
    return Records(clients.dynamodb(), StackSettings.from_env().table_name)


def event_bus() -> EventBus:
    """The event bus of this stack."""
    return EventBus(clients.events(), settings.event_bus())


def schedules() -> Schedules:
    """The schedules of this stack's environments."""
    return Schedules(clients.scheduler(), ScheduleSettings.from_env())


def held(event: Mapping[str, Any]) -> Record:
    """The record of the event's environment, if the event's generation still holds it.

    Raises SupersededError otherwise (W17)."""
    return records().current(event["environment"], event["generation"])
