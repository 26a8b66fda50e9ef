"""Whether a READY environment may differ from what was proven, by DescribeServices alone. Pure.

It compares with the request and with the proof, not with ECS's own numbers: to ECS, a service that
someone scaled, changed or deleted is steady.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bivouac.aws import ecs_answers
from bivouac.environment.record import Record
from bivouac.json_types import Described
from bivouac.services.deployments import Expected, primary_deployment
from bivouac.waiting.conditions import outstanding


@dataclass(frozen=True)
class Doubt:
    reason: str
    heals: bool
    """Only tasks are missing, which ECS replaces by itself; anything else is someone's change."""


def proven(record: Record) -> list[Expected]:
    """The services' last proven deployments, without those of the proof clients."""
    found = [Expected.from_json(entry) for entry in record.expected]
    services = outstanding.planned(found)
    return [entry for entry in found if entry.service_name in services]


def doubts(record: Record, services: Mapping[str, Described]) -> Iterator[Doubt]:
    """`services`: as described now, by name; deleted ones are absent."""
    blueprint = record.planned
    for entry in proven(record):
        name = entry.service_name
        wanted = blueprint.service(name).arguments["desiredCount"]
        service = services.get(name)
        if service is None or not ecs_answers.is_active(service):
            yield Doubt(f"{name} is gone", heals=False)
            continue
        primary = primary_deployment(service) or {}
        desired, runs = service["desiredCount"], primary.get("runningCount", 0)
        if desired != wanted:
            yield Doubt(f"{name} was scaled to {desired}, not {wanted}", heals=False)
        elif primary.get("id") != entry.deployment_id:
            yield Doubt(f"{name} runs another deployment than the proven one", heals=False)
        elif runs < wanted:
            yield Doubt(f"{name} runs {runs} of {wanted} tasks", heals=True)
