"""Checks whether an environment that was READY is still as it was proven.

It judges by the same rules as a create; reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bivouac.aws import clients, ecs
from bivouac.aws.errors import cluster_is_missing
from bivouac.diagnosis import health, service_verdicts
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.record import Record
from bivouac.errors import RefusedByAwsError
from bivouac.recheck import doubts
from bivouac.services.deployments import Observed
from bivouac.services.observation import observed, tasks_by_service
from bivouac.waiting.conditions.registered import Registrations


@dataclass(frozen=True)
class RecheckResult:
    failed: tuple[Verdict, ...] = ()
    """What will not recover by itself."""
    unfit: tuple[Verdict, ...] = ()
    """What is wrong but may recover by itself: one for each service."""

    last_ended: datetime | None = None
    """When the last task of its services stopped, as far as ECS still lists it."""

    @property
    def is_fit(self) -> bool:
        return not (self.failed or self.unfit)


class StillReadyPoll:
    """Called repeatedly; it remembers what need not be read twice."""

    def __init__(self, record: Record) -> None:
        self._blueprint = record.planned
        self._cluster: str = self._blueprint.cluster["clusterName"]
        self._expected = doubts.proven(record)
        self._ecs = clients.ecs()
        self._registrations = Registrations(clients.servicediscovery)

    def _observed(self) -> dict[str, Observed]:
        """Without any service if someone has deleted the cluster."""
        names = [entry.service_name for entry in self._expected]
        if not names:
            return {}
        try:
            services = ecs.describe_services(self._ecs, self._cluster, names)
            running = tasks_by_service(self._ecs, self._cluster, "RUNNING")
            return observed(self._ecs, self._cluster, self._expected, services, running)
        except RefusedByAwsError as error:
            if not cluster_is_missing(error):
                raise
            return {name: Observed(None, (), ()) for name in names}

    def __call__(self) -> RecheckResult:
        states = self._observed()
        self._registrations.forget_reads()
        failed: list[Verdict] = []
        unfit: list[Verdict] = []
        for entry in self._expected:
            planned, seen = self._blueprint.service(entry.service_name), states[entry.service_name]
            progress = health.judge(planned, entry, seen)
            if progress.failed:
                failed.append(progress.failed)
                continue
            found = list(progress.checks)
            if progress.healthy:
                found += self._registrations.checks(planned, seen)
            if wrong := [check for check in found if check.is_ng]:
                events = (seen.service or {}).get("events", ())
                unfit.append(
                    service_verdicts.not_fit(
                        entry.service_name,
                        [f"{check.name}: {check.observed}" for check in wrong],
                        [event["message"] for event in events],
                        progress.hindered,
                    )
                )
        ended = [
            at
            for seen in states.values()
            for task in seen.stopped
            if (at := task.get("stoppedAt") or task.get("stoppingAt"))
        ]
        return RecheckResult(tuple(failed), tuple(unfit), max(ended, default=None))
