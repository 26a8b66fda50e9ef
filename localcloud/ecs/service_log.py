"""A service's events: in DescribeServices, and some of them in EventBridge."""

from __future__ import annotations

import uuid

from localcloud.clock import Clock
from localcloud.ecs.announcements import Announcements, ServiceAction
from localcloud.ecs.model import Service, ServiceEvent

DUPLICATE_EVENTS_SUPPRESSED = 6 * 3600.0
"""Seconds for which ECS does not repeat an event (H25)."""


class ServiceLog:
    """Called with the control plane's lock held."""

    def __init__(self, clock: Clock, announcements: Announcements) -> None:
        self._clock = clock
        self._announcements = announcements

    def add(self, service: Service, message: str, action: ServiceAction | None = None) -> None:
        service.add_event(ServiceEvent(str(uuid.uuid4()), self._clock.now(), message))
        if action is not None:
            self._announcements.service_acted(service, action)

    def add_once(self, service: Service, message: str, action: ServiceAction | None = None) -> None:
        """Logs what ECS does not repeat while it lasts (H25)."""
        since = self._clock.now() - DUPLICATE_EVENTS_SUPPRESSED
        if all(e.message != message or e.created_at < since for e in service.events):
            self.add(service, message, action)
