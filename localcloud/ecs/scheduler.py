"""The service scheduler: as many tasks as desired, of the right deployment, replaced when they end.

One decision, `_reconcile`, is taken again after every change; it starts and stops tasks within the
deployment configuration's limits ("Deploy Amazon ECS services by replacing tasks").
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence

from localcloud.account import Account
from localcloud.clock import Timer
from localcloud.ecs import events
from localcloud.ecs.announcements import (
    STEADY_STATE,
    TASK_START_IMPAIRED,
    Announcements,
    ServiceAction,
    configuration_failure,
    placement_failure,
)
from localcloud.ecs.model import Deployment, Endpoint, Service, ServiceEvent, Task
from localcloud.ecs.placement import on_fargate, place
from localcloud.ecs.roles import role_not_assumable
from localcloud.ecs.rolling import bounds, plan
from localcloud.ecs.service_connect import ServiceConnectPlane
from localcloud.ecs.task_life import TaskLives
from localcloud.guarded_clock import GuardedClock
from localcloud.timings import Timings

FAILURES_UNTIL_THROTTLED = 3
"""Tasks in a row that failed to start until ECS says so (H13)."""
DUPLICATE_EVENTS_SUPPRESSED = 6 * 3600.0
"""Seconds for which ECS does not repeat an event (H25)."""


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
    ) -> None:
        self._account = account
        self._clock = clock
        self._timings = timings
        self._connect = connect
        self._lives = lives
        self._announcements = announcements
        self._not_before: dict[str, float] = {}
        """By service id: seconds since the epoch until which it starts no task."""
        self._settling: dict[str, Timer] = {}
        """By service id: when its present steadiness will have lasted long enough."""
        self._undecided: set[str] = set()
        """Ids of the services about which a decision is already due."""
        self.ready_moments: dict[str, list[tuple[str, float]]] = {}
        """By service ARN: (deployment id, when it was truly ready), in order."""
        self.gone_moments: dict[str, float] = {}
        """By service ARN: when the last of a deleted service (task, endpoint) was gone."""
        lives.listen(self)

    def begin_deployment(self, service: Service) -> None:
        """The primary deployment of the service is new."""
        self._announcements.deployment_changed(service, service.primary)
        self.begin(service)

    def begin(self, service: Service) -> None:
        """A service was changed: act after the time that placement takes."""
        self.gone_moments.pop(service.arn, None)
        self._clock.call_later(self._timings.placement, lambda: self._reconcile(service))

    def drain(self, service: Service) -> None:
        """A service was deleted: stop its tasks, then let it become INACTIVE."""
        self._clock.call_later(self._timings.placement, lambda: self._drain(service))

    def task_changed(self, task: Task) -> None:
        """From TaskLives: every change of a task can change what its service should do."""
        service = task.service
        if service is None:
            return
        if task.status == "STOPPED":
            self._count_failure(service, task)
        if service.status == "ACTIVE":
            if task.live and task.health == "UNHEALTHY":
                self._tell(service, events.failed_health_checks(service.name, task.id))
                self._not_before[service.id] = self._clock.now() + self._timings.restart_delay
                self._lives.stop(
                    task, "ServiceSchedulerInitiated", "Task failed container health checks"
                )
                return
            self._delay_restart(service, task)
            self._decide_soon(service)
        else:
            self._inactive_when_drained(service)

    # --- deciding ----------------------------------------------------------------------------

    def _decide_soon(self, service: Service) -> None:
        """Decide when the change at hand is complete: stopping one task is a change as well."""
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
        live = [task for task in service.tasks if task.live]
        decided = plan(
            service.desired_count,
            bounds(service.desired_count, service.deployment_configuration),
            new=[task for task in live if task.deployment is service.primary],
            old=[task for task in live if task.deployment is not service.primary],
        )
        if decided.stop:
            self._stop(service, decided.stop)
        if decided.start:
            self._start(service, decided.start)
        if decided.blocked:
            self._tell_once(service, events.blocked_by_configuration(service.name))
        self._retire(service)
        self._judge(service)

    def _start(self, service: Service, count: int) -> None:
        deployment = service.primary
        if deployment.rollout_state == "FAILED":
            return
        wait = self._not_before.get(service.id, 0.0) - self._clock.now()
        if wait > 0:
            self._clock.call_later(wait, lambda: self._reconcile(service))
            return
        if not on_fargate(deployment):
            self._tell_once(
                service,
                events.no_container_instances(service.name),
                placement_failure(),
            )
            return
        role = role_not_assumable(self._account, deployment.task_definition)
        if role is not None:
            self._tell_once(
                service,
                message := events.role_not_assumable(service.name, role),
                configuration_failure(message),
            )
            deployment.failed_tasks += 1
            self._trip(service, deployment)
            self._not_before[service.id] = self._clock.now() + self._timings.restart_delay
            self._clock.call_later(self._timings.restart_delay, lambda: self._reconcile(service))
            return
        tasks = []
        for _ in range(count):
            task = place(self._account, service, self._clock.now())
            service.cluster.tasks[task.id] = task
            tasks.append(task)
        service.steady = False
        self._tell(service, events.started(service.name, [task.id for task in tasks]))
        for task in tasks:
            self._lives.begin(task)

    def _stop(self, service: Service, tasks: Sequence[Task]) -> None:
        service.steady = False
        self._tell(service, events.stopped(service.name, [task.id for task in tasks]))
        for task in tasks:
            self._lives.stop(
                task,
                "ServiceSchedulerInitiated",
                f"Scaling activity initiated by (deployment {service.primary.id})",
            )

    def _retire(self, service: Service) -> None:
        """Forget old deployments whose tasks have stopped, and the endpoints that were theirs."""
        for deployment in service.deployments[1:]:
            if any(task.status != "STOPPED" for task in service.tasks_of(deployment)):
                continue
            service.deployments.remove(deployment)
            kept = {e.key for d in service.deployments for e in _endpoints(d)}
            dropped = [e for e in _endpoints(deployment) if e.key not in kept]
            self._connect.forget(service, dropped)

    def _judge(self, service: Service) -> None:
        """Stamp the moment in which a deployment is ready; completed is what ECS says later."""
        primary = service.primary
        serving = [task for task in service.tasks_of(primary) if task.serving]
        if serving and not primary.proven:
            primary.proven, primary.failed_tasks = True, 0
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
                self._timings.steady, lambda: self._settle(service, primary)
            )

    def _settle(self, service: Service, deployment: Deployment) -> None:
        """The steady state has lasted until now."""
        del self._settling[service.id]
        if service.status != "ACTIVE" or service.deployments != [deployment]:
            return
        service.steady = True
        if deployment.rollout_state == "IN_PROGRESS":
            deployment.rollout_state = "COMPLETED"
            deployment.rollout_reason = f"ECS deployment {deployment.id} completed."
            deployment.updated_at = self._clock.now()
            self._tell(service, events.deployment_completed(service.name, deployment.id))
            self._announcements.deployment_changed(service, deployment)
        self._tell(service, events.steady(service.name), STEADY_STATE)

    # --- failures ----------------------------------------------------------------------------

    def _delay_restart(self, service: Service, task: Task) -> None:
        """ECS waits a little before it replaces a task that ended by itself."""
        ending = task.status in ("DEACTIVATING", "STOPPING")
        if ending and task.stop_code != "ServiceSchedulerInitiated":
            self._not_before[service.id] = self._clock.now() + self._timings.restart_delay

    def _count_failure(self, service: Service, task: Task) -> None:
        """failedTasks: consecutive, until the first task of the deployment runs well (H05)."""
        deployment = task.deployment
        unhealthy = task.stopped_reason == "Task failed container health checks"
        if task.started_at is not None and not unhealthy:
            return
        if task.stop_code == "UserInitiated" or deployment.proven:
            return
        if task.stop_code == "ServiceSchedulerInitiated" and not unhealthy:
            return
        deployment.failed_tasks += 1
        deployment.updated_at = self._clock.now()
        if deployment.failed_tasks >= FAILURES_UNTIL_THROTTLED:
            self._tell_once(
                service, events.cannot_start_consistently(service.name), TASK_START_IMPAIRED
            )
        self._trip(service, deployment)

    def _trip(self, service: Service, deployment: Deployment) -> None:
        """The deployment circuit breaker, without its roll-back (H02)."""
        breaker = service.deployment_configuration["deploymentCircuitBreaker"]
        threshold = min(200, max(3, math.ceil(service.desired_count / 2)))
        if not breaker["enable"] or deployment.failed_tasks < threshold:
            return
        if deployment.rollout_state == "IN_PROGRESS":
            deployment.rollout_state = "FAILED"
            deployment.rollout_reason = "ECS deployment circuit breaker: tasks failed to start."
            self._tell(service, events.deployment_failed(service.name, deployment.id))
            deployment.updated_at = self._clock.now()
            self._announcements.deployment_changed(service, deployment)

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
        self._connect.forget(service, [e for d in service.deployments for e in _endpoints(d)])
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

    # --- telling -----------------------------------------------------------------------------

    def _tell(self, service: Service, message: str, action: ServiceAction | None = None) -> None:
        service.tell(ServiceEvent(str(uuid.uuid4()), self._clock.now(), message))
        if action is not None:
            self._announcements.service_acted(service, action)

    def _tell_once(
        self, service: Service, message: str, action: ServiceAction | None = None
    ) -> None:
        """What ECS does not repeat while it lasts (H25)."""
        since = self._clock.now() - DUPLICATE_EVENTS_SUPPRESSED
        if all(e.message != message or e.created_at < since for e in service.events):
            self._tell(service, message, action)


def _endpoints(deployment: Deployment) -> tuple[Endpoint, ...]:
    return deployment.connect.endpoints if deployment.connect is not None else ()
