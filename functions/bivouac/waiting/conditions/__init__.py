"""What a waiting execution's looks are, by what it waits for."""

from __future__ import annotations

from typing import Protocol

from bivouac.aws import clients
from bivouac.environment.record import Record
from bivouac.waiting.conditions.asleep import RestLook
from bivouac.waiting.conditions.deleted import DepartureLook
from bivouac.waiting.conditions.ready import ServicesLook
from bivouac.waiting.poll import Looking
from bivouac.waiting.wait import Purpose, Wait


class LookingFor(Protocol):
    def __call__(self, wait: Wait, record: Record, *, urgent: bool) -> Looking:
        """The look for this wait; `urgent`: it must not be content with counts."""


def looking_for(wait: Wait, record: Record, *, urgent: bool) -> Looking:
    if wait.purpose is Purpose.SERVICES:
        return ServicesLook(record, urgent, clients.ecs(), clients.servicediscovery, clients.ec2)
    if wait.purpose is Purpose.ASLEEP:
        return RestLook(record, clients.ecs())
    return DepartureLook(record, clients.ecs(), clients.servicediscovery, clients.logs)
