"""Whether what is READY may not be as it was proven, by DescribeServices alone. Pure.

It compares with the request and with the proof, not with ECS's own numbers: a service that somebody
scaled, changed or deleted is steady to ECS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bivouac.aws import ecs_answers
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Record
from bivouac.json_types import Described
from bivouac.services.deployments import Expected, primary_deployment
from bivouac.waiting.conditions import outstanding


@dataclass(frozen=True)
class Doubt:
    told: str
    heals: bool
    """Tasks are missing, which ECS replaces by itself; everything else somebody did."""


def proven(record: Record) -> list[Expected]:
    """The deployments of its services that were last proven, without the proof clients'."""
    found = [Expected.from_json(entry) for entry in json.loads(record.expected)]
    services = outstanding.planned(found)
    return [entry for entry in found if entry.service_name in services]


def doubts(record: Record, services: Mapping[str, Described]) -> Iterator[Doubt]:
    """`services` by name, as described now; those that are gone are absent."""
    blueprint = Blueprint.from_json(record.content)
    for entry in proven(record):
        name = entry.service_name
        wanted = blueprint.service(name).arguments["desiredCount"]
        service = services.get(name)
        if service is None or not ecs_answers.is_active(service):
            yield Doubt(f"{name} is gone", heals=False)
            continue
        primary = primary_deployment(service) or {}
        asked, runs = service["desiredCount"], primary.get("runningCount", 0)
        if asked != wanted:
            yield Doubt(f"{name} was scaled to {asked}, not {wanted}", heals=False)
        elif primary.get("id") != entry.deployment_id:
            yield Doubt(f"{name} runs another deployment than was proven", heals=False)
        elif runs < wanted:
            yield Doubt(f"{name} runs {runs} of {wanted} tasks", heals=True)
