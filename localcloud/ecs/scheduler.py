"""The service scheduler: keeps the desired number of tasks of the right deployment running.

One decision, `_reconcile`, is made again after every change; it starts and stops tasks within the
deployment configuration's limits ("Deploy Amazon ECS services by replacing tasks").
"""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.account import Account
from localcloud.clock import Timer
from localcloud.ecs import events, zones
from localcloud.ecs.announcements import (
    OPERATION_THROTTLED,
    STEADY_STATE,
    Announcements,
    configuration_failure,
    placement_failure,
)
from localcloud.ecs.deployment_failures import FAILED_HEALTH_CHECKS, DeploymentFailures
from localcloud.ecs.image_registry import ImageRegistry
from localcloud.ecs.model import Deployment, Endpoint, Service, Task
from localcloud.ecs.obstacles import CAPACITY, Obstacles
from localcloud.ecs.placement import on_fargate, place
from localcloud.ecs.roles import role_not_assumable
from localcloud.ecs.rolling import bounds, plan
from localcloud.ecs.service_connect import ServiceConnectPlane
from localcloud.ecs.service_log import ServiceLog
from localcloud.ecs.task_life import TaskLives
from localcloud.ecs.zone_rebalancing import ZoneRebalancing
from localcloud.guarded_clock import GuardedClock
from localcloud.network import Network
from localcloud.timings import Timings


class ServiceScheduler:
    """Called with the control plane's lock held."""

    def __init__(
        self,
        account: Account,
        clock: GuardedClock,
        timings: Timings,
        connect: ServiceConnectPlane,
        lives: TaskLives,
        announcements: Announcements,
        obstacles: Obstacles,
        images: ImageRegistry,
        network: Network,
    ) -> None:
        self._account = account
        self._clock = clock
        self._timings = timings
        self._connect = connect
        self._lives = lives
        self._announcements = announcements
        self._obstacles = obstacles
        self._images = images
        self._log = ServiceLog(clock.clock, announcements)
        self.failures = DeploymentFailures(clock.clock, timings, self._log, announcements)
        self._zones = ZoneRebalancing(
            clock, timings, network, self._log, lives, obstacles, self._placed
        )
        self._settling: dict[str, Timer] = {}
        """By service id: when its present steady state will have lasted long enough."""
        self._undecided: set[str] = set()
        """Ids of the services for which a decision is already due."""
        self._waking: dict[str, Timer] = {}
        """By deployment id: when its pause before the next start ends."""
        self.ready_moments: dict[str, list[tuple[str, float]]] = {}
        """By service ARN: (deployment id, when it became ready), in order."""
        self.gone_moments: dict[str, float] = {}
        """By service ARN: when the last remnant of a deleted service (task, endpoint) was gone."""
        lives.listen(self)

    def begin_deployment(self, service: Service) -> None:
        """The primary deployment of the service is new."""
        self._announcements.deployment_changed(service, service.primary)
        self.begin(service)

    def begin(self, service: Service) -> None:
        """A service was changed: acts after the time that placement takes."""
        self.gone_moments.pop(service.arn, None)
        self._clock.call_later(self._timings.placement, lambda: self._reconcile(service))

    def drain(self, service: Service) -> None:
        """A service was deleted: stops its tasks, then makes it INACTIVE."""
        self._clock.call_later(self._timings.placement, lambda: self._drain(service))

    def task_changed(self, task: Task) -> None:
        """From TaskLives: any change of a task can change what its service should do."""
        service = task.service
        if service is None:
            return
        if service.status == "ACTIVE":
            if task.live and task.health == "UNHEALTHY":
                self._replace_unhealthy(service, task)
                return
            self.failures.task_changed(service, task)
            self._decide_soon(service)
        else:
            self._inactive_when_drained(service)

    # --- deciding ----------------------------------------------------------------------------

    def _decide_soon(self, service: Service) -> None:
        """Decides once the current change is complete: stopping one task is a change too."""
        if service.id in self._undecided:
            return
        self._undecided.add(service.id)

        def decide() -> None:
            self._undecided.discard(service.id)
            self._reconcile(service)

        self._clock.call_later(0, decide)

    def _reconcile(self, service: Service) -> None:
        if service.status != "ACTIVE":
            return
        desired, by_subnet = service.desired_count, self._zones.zones(service)
        live = [task for task in service.tasks if task.live]
        new = [task for task in live if task.deployment is service.primary]
        old = [task for task in live if task.deployment is not service.primary]
        decided = plan(
            desired + self._zones.extra(service),
            bounds(desired, service.deployment_configuration),
            new=zones.fullest_first(by_subnet, new),
            old=zones.fullest_first(by_subnet, old),
            launching=service.primary.rollout_state != "FAILED",
        )
        _set_desired_counts(service, leaving=decided.stop)
        if decided.stop:
            self._stop(service, decided.stop)
        if decided.start:
            self._start(service, decided.start)
        if decided.blocked:
            self._log.add_once(service, events.blocked_by_configuration(service.name))
        self._retire(service)
        self._record_ready(service)
        self._zones.proceed(service)

    def _replace_unhealthy(self, service: Service, task: Task) -> None:
        """The replacement starts first if there is room for it (DeploymentConfiguration's
        maximumPercent in the API reference; recorded in July 2026)."""
        live = [item for item in service.tasks if item.live and item is not task]
        room = bounds(service.desired_count, service.deployment_configuration).most - len(live) - 1
        good = [item for item in live if item.deployment is service.primary]
        missing = service.desired_count - len(good)
        if min(room, missing) > 0 and service.primary.rollout_state != "FAILED":
            self._start(service, 1, unhealthy=True)
        self._log.add(service, events.failed_health_checks(service.name, task.id))
        self._log.add(service, events.stopped(service.name, [task.id]))
        self._lives.stop(task, "ServiceSchedulerInitiated", FAILED_HEALTH_CHECKS)

    def _start(self, service: Service, count: int, *, unhealthy: bool = False) -> None:
        """`unhealthy`: the unhealthy tasks that the new ones replace."""
        deployment = service.primary
        wait = deployment.starts_not_before - self._clock.now()
        if wait > 0:
            self._wake(service, deployment, wait)
            return
        if not on_fargate(deployment):
            self._log.add_once(
                service, events.no_container_instances(service.name), placement_failure()
            )
            return
        if self._obstacles.throttled(service.name):
            self._log.add_once(service, events.throttled(service.name), OPERATION_THROTTLED)
            self._wake(service, deployment, self._timings.restart_delay)
            return
        if self._refused(service, deployment):
            self.failures.placement_failed(service)
            self._decide_soon(service)
            return
        tasks = [self._placed(service, self._next_subnet(service)) for _ in range(count)]
        service.steady = False
        text_of = events.replaced_unhealthy if unhealthy else events.started
        self._log.add(service, text_of(service.name, [task.id for task in tasks]))
        for task in tasks:
            self._lives.begin(task)

    def _placed(self, service: Service, subnet: str) -> Task:
        task = place(self._account, self._images, service, subnet, self._clock.now())
        service.cluster.tasks[task.id] = task
        return task

    def _next_subnet(self, service: Service) -> str:
        """In the zone with capacity and the fewest tasks of the primary deployment."""
        tasks = [task for task in service.tasks_of(service.primary) if task.live]
        return zones.emptiest_subnet(self._open_zones(service), tasks, len(service.tasks))

    def _open_zones(self, service: Service) -> dict[str, str]:
        return {
            subnet: zone
            for subnet, zone in self._zones.zones(service).items()
            if not self._obstacles.short_of_capacity(zone)
        }

    def _refused(self, service: Service, deployment: Deployment) -> bool:
        """Whether its tasks cannot be placed now; the service's events say why."""
        reason = self._obstacles.placement_refusal(service.name)
        if reason is None and not self._open_zones(service):
            reason = CAPACITY
        if reason is not None:
            self._log.add_once(
                service,
                events.placement_refused(service.name, reason),
                placement_failure("RESOURCE:FARGATE" if reason == CAPACITY else reason),
            )
            return True
        role = role_not_assumable(self._account, deployment.task_definition)
        if role is not None:
            message = events.role_not_assumable(service.name, role)
            self._log.add_once(service, message, configuration_failure(message))
        return role is not None

    def _wake(self, service: Service, deployment: Deployment, delay: float) -> None:
        """Schedules the next decision; replaces an earlier schedule."""
        if (before := self._waking.pop(deployment.id, None)) is not None:
            before.cancel()

        def wake() -> None:
            del self._waking[deployment.id]
            self._reconcile(service)

        self._waking[deployment.id] = self._clock.call_later(delay, wake)

    def _stop(self, service: Service, tasks: Sequence[Task]) -> None:
        service.steady = False
        running = [task.id for task in tasks if task.started_at is not None]
        if pending := len(tasks) - len(running):
            self._log.add(service, events.stopped_pending(service.name, pending))
        if running:
            self._log.add(service, events.stopped(service.name, running))
        for task in tasks:
            self._lives.stop(
                task,
                "ServiceSchedulerInitiated",
                f"Scaling activity initiated by (deployment {service.primary.id})",
            )

    def _retire(self, service: Service) -> None:
        """Forgets old deployments whose tasks have stopped, and their endpoints.

        A failed one is shown for a while, beside the one that it was rolled back to.
        """
        for deployment in service.deployments[1:]:
            if any(task.status != "STOPPED" for task in service.tasks_of(deployment)):
                continue
            seen_for = deployment.updated_at + self._timings.steady - self._clock.now()
            if deployment.rollout_state == "FAILED" and seen_for > 0:
                self._wake(service, deployment, seen_for)
                continue
            service.deployments.remove(deployment)
            self._keep_endpoints(service)

    def _keep_endpoints(self, service: Service) -> None:
        """Keeps those of its deployments, and of the one that it may be rolled back to."""
        kept = [*service.deployments, *([service.last_completed] if service.last_completed else [])]
        self._connect.keep(service, [e for deployment in kept for e in _endpoints(deployment)])

    def _record_ready(self, service: Service) -> None:
        """Records when a deployment becomes ready; ECS reports it as completed later."""
        primary = service.primary
        serving = [task for task in service.tasks_of(primary) if task.serving]
        if serving and not primary.proven:
            self.failures.task_serves(service, primary)
        ready = len(serving) == service.desired_count
        if ready and primary.ready_at is None:
            primary.ready_at = self._clock.now()
            self.ready_moments.setdefault(service.arn, []).append((primary.id, primary.ready_at))
        if not ready or service.deployments != [primary]:
            unsettled = self._settling.pop(service.id, None)
            if unsettled is not None:
                unsettled.cancel()
        elif not service.steady and service.id not in self._settling:
            self._settling[service.id] = self._clock.call_later(
                self._timings.steady, lambda: self._reach_steady_state(service, primary)
            )

    def _reach_steady_state(self, service: Service, deployment: Deployment) -> None:
        """The steady state has lasted until now."""
        del self._settling[service.id]
        if service.status != "ACTIVE" or service.deployments != [deployment]:
            return
        service.steady = True
        if deployment.rollout_state == "IN_PROGRESS":
            deployment.rollout_state = "COMPLETED"
            deployment.rollout_reason = f"ECS deployment {deployment.id} completed."
            deployment.updated_at = self._clock.now()
            service.last_completed = deployment
            self._keep_endpoints(service)
            self._log.add(service, events.deployment_completed(service.name, deployment.id))
            self._announcements.deployment_changed(service, deployment)
        self._log.add(service, events.steady(service.name), STEADY_STATE)
        self._zones.proceed(service)

    # --- deleting ----------------------------------------------------------------------------

    def _drain(self, service: Service) -> None:
        live = [task for task in service.tasks if task.live]
        if live:
            self._stop(service, live)
        self._inactive_when_drained(service)

    def _inactive_when_drained(self, service: Service) -> None:
        """DRAINING ends when every task is at least STOPPING (DeleteService's documentation)."""
        gone = ("STOPPING", "DEPROVISIONING", "STOPPED")
        if service.status == "DRAINING" and all(task.status in gone for task in service.tasks):
            service.status, service.inactive_at = "INACTIVE", self._clock.now()
            self._clock.call_later(
                self._timings.discovery_removal, lambda: self._forget_endpoints(service)
            )
            self._clock.call_later(self._timings.inactive_visible, lambda: self._purge(service))
        self._stamp_gone(service)

    def _forget_endpoints(self, service: Service) -> None:
        self._connect.keep(service, [])
        for deployment in service.deployments:
            deployment.connect = None
        self._stamp_gone(service)

    def _stamp_gone(self, service: Service) -> None:
        connected = any(_endpoints(deployment) for deployment in service.deployments)
        ended = all(task.status == "STOPPED" for task in service.tasks)
        succeeded = service.cluster.services.get(service.name) is not service
        if service.status == "INACTIVE" and ended and not connected and not succeeded:
            self.gone_moments.setdefault(service.arn, self._clock.now())

    def _purge(self, service: Service) -> None:
        if service.cluster.services.get(service.name) is service:
            del service.cluster.services[service.name]


def _set_desired_counts(service: Service, leaving: Sequence[Task]) -> None:
    """The primary deployment should have all tasks, earlier ones those that are not yet
    replaced."""
    for deployment in service.deployments:
        tasks = service.tasks_of(deployment)
        deployment.desired_count = sum(task.live and task not in leaving for task in tasks)
    service.primary.desired_count = service.desired_count


def _endpoints(deployment: Deployment) -> tuple[Endpoint, ...]:
    return deployment.connect.endpoints if deployment.connect is not None else ()
