"""Publishes ECS's events on the default bus, whose rules deliver them."""

from __future__ import annotations

from typing import Any

from localcloud.account import Account
from localcloud.clock import Clock
from localcloud.ecs.announcements import Announcement
from localcloud.endpoint.locks import ServiceLocks
from localcloud.events.rules import as_delivered, publish, service_event


class EcsEvents:
    """Listens to `localcloud.ecs.announcements.Announcements`."""

    def __init__(self, account: Account, clock: Clock, locks: ServiceLocks) -> None:
        self._account = account
        self._clock = clock
        self._lock = locks.of("events")

    def __call__(self, announcement: Announcement) -> None:
        # From the clock, because ECS announces with its own lock held, and no other lock may be
        # taken under it.
        self._clock.call_later(0, lambda: self._publish(announcement))

    def _publish(self, announcement: Announcement) -> None:
        with self._lock:
            publish(_event(announcement, self._account))


def delivered(announcement: Announcement, account: Account) -> dict[str, Any]:
    """The event as a rule's target gets it, for tests that have no server."""
    return as_delivered(_event(announcement, account))


def _event(announcement: Announcement, account: Account) -> dict[str, Any]:
    return service_event(
        account.account_id,
        account.region,
        source="aws.ecs",
        detail_type=announcement.detail_type,
        detail=announcement.detail,
        resources=[announcement.resource],
        time=announcement.time,
        event_id=announcement.id,
    )
