"""What a waiting execution's looks are, by what it waits for."""

from __future__ import annotations

from typing import Protocol

from bivouac.aws import clients
from bivouac.aws.watching import Looking
from bivouac.looks.departure import DepartureLook
from bivouac.looks.rest import RestLook
from bivouac.looks.services import ServicesLook
from bivouac.record import Record
from bivouac.waiting import Purpose, Wait


class LookingFor(Protocol):
    def __call__(self, wait: Wait, record: Record, *, urgent: bool) -> Looking:
        """The look for this wait; `urgent`: it must not be content with counts."""


def looking_for(wait: Wait, record: Record, *, urgent: bool) -> Looking:
    if wait.purpose is Purpose.SERVICES:
        return ServicesLook(record, urgent, clients.ecs(), clients.servicediscovery, clients.ec2)
    if wait.purpose is Purpose.ASLEEP:
        return RestLook(record, clients.ecs())
    return DepartureLook(record, clients.ecs(), clients.servicediscovery, clients.logs)
