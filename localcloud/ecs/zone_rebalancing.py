"""Availability Zone rebalancing: a service in a steady state whose tasks are spread unevenly.

A task is started in the emptiest zone; once it serves, one in the fullest zone is stopped; this
repeats until the numbers differ by at most one. The events and the stopped reason are in "Track
Amazon ECS Availability Zone rebalancing" in the developer guide, and recorded (September 2026).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localcloud.clock import Timer
from localcloud.ecs import events, zones
from localcloud.ecs.announcements import (
    REBALANCING_COMPLETED,
    REBALANCING_STARTED,
    REBALANCING_STOPPED,
    TASKS_STARTED,
    TASKS_STOPPED,
    placement_failure,
)
from localcloud.ecs.model import Service, Task
from localcloud.ecs.obstacles import Obstacles
from localcloud.ecs.service_log import ServiceLog
from localcloud.ecs.task_life import TaskLives
from localcloud.guarded_clock import GuardedClock
from localcloud.network import Network
from localcloud.timings import Timings

Launch = Callable[[Service, str], Task]
"""(service, subnet id): place a task there."""


@dataclass
class _Operation:
    extra: Task | None = None
    """The task that was started in the emptiest zone, until one in the fullest zone is stopped."""
    exchanging: bool = False
    """It serves, and one in the fullest zone is about to be stopped."""


class ZoneRebalancing:
    """Called with the control plane's lock held."""

    def __init__(
        self,
        clock: GuardedClock,
        timings: Timings,
        network: Network,
        log: ServiceLog,
        lives: TaskLives,
        obstacles: Obstacles,
        launch: Launch,
    ) -> None:
        self._clock = clock
        self._timings = timings
        self._network = network
        self._log = log
        self._lives = lives
        self._obstacles = obstacles
        self._launch = launch
        self._operations: dict[str, _Operation] = {}
        """By service id."""
        self._due: dict[str, Timer] = {}
        """By service id: when an uneven service is checked again."""

    def extra(self, service: Service) -> int:
        """How many tasks it has beyond the desired ones; none as soon as something else changes
        it."""
        operation = self._operations.get(service.id)
        if operation is None or operation.extra is None:
            return 0
        if not _possible(service) or not operation.extra.live:
            self._end(service)
            return 0
        return 1

    def zones(self, service: Service) -> dict[str, str]:
        """The Availability Zone of each subnet of the service."""
        configuration = (service.primary.network_configuration or {}).get("awsvpcConfiguration", {})
        subnets = configuration.get("subnets", ())
        return {subnet: self._network.availability_zone(subnet) for subnet in subnets}

    def proceed(self, service: Service) -> None:
        """Takes the next step, after any change of the service."""
        operation = self._operations.get(service.id)
        if not _possible(service):
            return
        live = [task for task in service.tasks if task.live]
        if operation is not None and operation.extra is not None:
            if operation.extra.serving and not operation.exchanging:
                operation.exchanging = True
                self._clock.call_later(
                    self._timings.placement, lambda: self._stop_in_exchange(service, operation)
                )
            return
        if len(live) != service.desired_count or not all(task.serving for task in live):
            return
        uneven = not zones.balanced(zones.counts(self.zones(service), live))
        if operation is None and uneven:
            self._begin_later(service)
        elif operation is not None and uneven:
            self._start_one(service, operation, live)
        elif operation is not None:
            del self._operations[service.id]
            message = events.zones_balanced(service.name, zones.counts(self.zones(service), live))
            self._log.add(service, message, REBALANCING_COMPLETED)

    def _begin_later(self, service: Service) -> None:
        if service.id not in self._due:
            self._due[service.id] = self._clock.call_later(
                self._timings.zone_rebalancing, lambda: self._begin(service)
            )

    def _begin(self, service: Service) -> None:
        del self._due[service.id]
        live = [task for task in service.tasks if task.live]
        found = zones.counts(self.zones(service), live)
        if not _possible(service) or zones.balanced(found):
            return
        message = events.zones_not_balanced(service.name, found)
        self._log.add_once(service, message, REBALANCING_STARTED)
        self._operations[service.id] = _Operation()
        self.proceed(service)

    def _start_one(self, service: Service, operation: _Operation, live: list[Task]) -> None:
        by_subnet = self.zones(service)
        subnet = zones.emptiest_subnet(by_subnet, live, len(service.tasks))
        zone = by_subnet[subnet]
        if self._obstacles.short_of_capacity(zone):
            message = events.zone_without_capacity(service.name, zone)
            self._log.add_once(service, message, placement_failure("RESOURCE:FARGATE"))
            self._end(service)
            self._begin_later(service)
            return
        operation.extra = self._launch(service, subnet)
        message = events.started_to_rebalance(service.name, zone, operation.extra.id)
        self._log.add(service, message, TASKS_STARTED)
        self._lives.begin(operation.extra)

    def _stop_in_exchange(self, service: Service, operation: _Operation) -> None:
        """Stops a task of the fullest zone in exchange for the started one."""
        operation.exchanging = False
        if self._operations.get(service.id) is not operation or not self.extra(service):
            return
        by_subnet = self.zones(service)
        old = [task for task in service.tasks if task.live and task is not operation.extra]
        task = zones.fullest_first(by_subnet, old)[0]
        operation.extra = None
        message = events.stopped_to_rebalance(service.name, by_subnet[task.subnet_id], task.id)
        self._log.add(service, message, TASKS_STOPPED)
        self._lives.stop(
            task,
            "ServiceSchedulerInitiated",
            f"Availability-zone rebalancing initiated by (deployment {service.primary.id})",
        )

    def _end(self, service: Service) -> None:
        """Gives up for now; a task that was started for it is one too many."""
        del self._operations[service.id]
        self._log.add_once(service, events.stopped_rebalancing(service.name), REBALANCING_STOPPED)


def _possible(service: Service) -> bool:
    """The service is in a steady state and nobody is changing it."""
    return (
        service.status == "ACTIVE"
        and service.zone_rebalancing == "ENABLED"
        and service.deployments == [service.primary]
        and service.primary.rollout_state == "COMPLETED"
        and service.primary.network_configuration is not None
    )
