"""Lists what becomes of environments, services and tasks, a line for each change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.strict import ControlPlane

RECORDS_EVERY = 0.5
"""Seconds between two reads of the environments' records."""


@dataclass(frozen=True)
class Change:
    """A difference from the previous call; `state` is for people."""

    subject: str
    state: str


class Watch:
    """`records`: the stack's table of environments."""

    def __init__(self, plane: ControlPlane, dynamodb: Any, records: str) -> None:
        self._plane = plane
        self._dynamodb = dynamodb
        self._table = records
        self._seen: dict[str, str] = {}
        self._environments: dict[str, str] = {}
        self._next_read = 0.0

    def changes(self) -> list[Change]:
        """Changes since the last call, or since the beginning."""
        if time.monotonic() >= self._next_read:
            self._environments = dict(self._read_records())
            self._next_read = time.monotonic() + RECORDS_EVERY
        with self._plane.lock:
            now = self._environments | dict(self._states())
        found = [
            Change(subject, state)
            for subject, state in now.items()
            if self._seen.get(subject) != state
        ]
        found += [Change(subject, "gone") for subject in self._seen if subject not in now]
        self._seen = now
        return found

    def _read_records(self) -> Iterator[tuple[str, str]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
        for item in (item for page in pages for item in page["Items"]):
            if "status" in item:
                yield f"environment {item['environment']['S']}", item["status"]["S"]

    def _states(self) -> Iterator[tuple[str, str]]:
        for cluster in self._plane.ecs.clusters.all():
            yield f"cluster {cluster.name}", cluster.status
            for service in cluster.services.values():
                running = sum(task.status == "RUNNING" for task in service.tasks)
                state = f"{service.status}, {running} of {service.desired_count} running"
                if service.status == "ACTIVE":
                    state += f", rollout {service.primary.rollout_state}"
                yield f"service {cluster.name}/{service.name}", state
            for task in cluster.tasks.values():
                state = task.status
                if task.status == "RUNNING" and task.declares_health:
                    state += f", {task.health}"
                if task.interface and task.status == "RUNNING":
                    addresses = [task.interface.private_ip, task.interface.public_ip]
                    state += ", at " + " and ".join(filter(None, addresses))
                if task.stopped_reason:
                    state += f": {task.stopped_reason}"
                owner = task.service.name if task.service else task.group
                yield f"task {task.id[:8]} of {owner}", state
