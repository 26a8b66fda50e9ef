"""Lists what becomes of services and tasks, a line for each change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from localcloud.strict import ControlPlane


@dataclass(frozen=True)
class Change:
    """A difference from the previous call; `state` is for people."""

    subject: str
    state: str


class Watch:
    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._seen: dict[str, str] = {}

    def changes(self) -> list[Change]:
        """Changes since the last call, or since the beginning."""
        with self._plane.lock:
            now = dict(self._states())
        found = [
            Change(subject, state)
            for subject, state in now.items()
            if self._seen.get(subject) != state
        ]
        found += [Change(subject, "gone") for subject in self._seen if subject not in now]
        self._seen = now
        return found

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
