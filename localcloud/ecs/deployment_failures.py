"""Failures of a deployment: counts them, pauses starts, and trips the circuit breaker.

"How the Amazon ECS deployment circuit breaker detects failures" and "Amazon ECS service throttle
logic" in the developer guide; Deployment.failedTasks in the API reference (H02, H03, H05, H24).
"""

from __future__ import annotations

from dataclasses import replace

from localcloud.clock import Clock
from localcloud.ecs import events
from localcloud.ecs.announcements import TASK_START_IMPAIRED, Announcements
from localcloud.ecs.circuit_breaker import (
    FAILURES_UNTIL_THROTTLED,
    pause,
    resets_on_healthy_task,
    threshold,
)
from localcloud.ecs.model import Deployment, Service, Task
from localcloud.ecs.service_log import ServiceLog
from localcloud.timings import Timings

FAILED_HEALTH_CHECKS = "Task failed container health checks"


class DeploymentFailures:
    """Called with the control plane's lock held."""

    def __init__(
        self, clock: Clock, timings: Timings, log: ServiceLog, announcements: Announcements
    ) -> None:
        self._clock = clock
        self._timings = timings
        self._log = log
        self._announcements = announcements
        self.rolls_back_anew = False
        """Whether a roll-back starts new tasks: see `_roll_back`."""

    def task_changed(self, service: Service, task: Task) -> None:
        """Applies a task's change to its deployment's failure count."""
        if task.status == "RUNNING":
            task.deployment.start_failures = 0
        elif task.status in ("DEACTIVATING", "STOPPING"):
            self._pause_after(task)
        elif task.status == "STOPPED":
            self._task_ended(service, task)

    def placement_failed(self, service: Service) -> None:
        """The scheduler could not launch a task of the primary deployment."""
        self._pause(service.primary, failed_to_start=True)
        self._count(service, service.primary)

    def task_serves(self, service: Service, deployment: Deployment) -> None:
        """Its first task serves: failures are no longer counted, unless asked to (H05)."""
        deployment.proven = True
        if resets_on_healthy_task(_breaker(service)):
            deployment.failed_tasks = 0

    def _pause_after(self, task: Task) -> None:
        """ECS waits a little before it replaces a task that ended by itself, and longer each time
        if tasks never reach RUNNING."""
        if task.stop_code == "ServiceSchedulerInitiated" and not _unhealthy(task):
            return
        never_ran = task.started_at is None and task.stop_code != "UserInitiated"
        self._pause(task.deployment, failed_to_start=never_ran)

    def _pause(self, deployment: Deployment, *, failed_to_start: bool) -> None:
        now = self._clock.now()
        if not failed_to_start:
            deployment.start_failures = 0
        elif now >= deployment.starts_not_before:  # tasks that fail together are one attempt
            deployment.start_failures += 1
        deployment.starts_not_before = now + pause(
            deployment.start_failures,
            self._timings.restart_delay,
            self._timings.longest_restart_delay,
        )

    def _task_ended(self, service: Service, task: Task) -> None:
        if task.stop_code == "TaskFailedToStart":
            reason = task.stopped_reason or ""
            self._log.add(service, events.unable_to_place(service.name, reason))
        if _unhealthy(task) or (
            task.started_at is None
            and task.stop_code not in ("UserInitiated", "ServiceSchedulerInitiated")
        ):
            self._count(service, task.deployment)

    def _count(self, service: Service, deployment: Deployment) -> None:
        """failedTasks: consecutive, until the first task of the deployment runs well (H05)."""
        breaker = _breaker(service)
        if deployment.proven and resets_on_healthy_task(breaker):
            return
        deployment.failed_tasks += 1
        deployment.updated_at = self._clock.now()
        if deployment.start_failures >= FAILURES_UNTIL_THROTTLED:
            self._log.add_once(
                service, events.cannot_start_consistently(service.name), TASK_START_IMPAIRED
            )
        tripped = deployment.failed_tasks >= threshold(breaker, service.desired_count)
        if breaker["enable"] and tripped and deployment.rollout_state == "IN_PROGRESS":
            self._fail(service, deployment)

    def _fail(self, service: Service, deployment: Deployment) -> None:
        if deployment is not service.primary:
            return
        deployment.rollout_state = "FAILED"
        deployment.rollout_reason = "ECS deployment circuit breaker: tasks failed to start."
        self._log.add(service, events.deployment_failed(service.name, deployment.id))
        self._announcements.deployment_changed(service, deployment)
        good = service.last_completed
        if _breaker(service)["rollback"] and good is not None and good is not deployment:
            self._roll_back(service, good)

    def _roll_back(self, service: Service, good: Deployment) -> None:
        """Makes the last completed deployment PRIMARY again, with its own id.

        In a report of July 2026 it takes over its running tasks at once. In an answer of October
        2022 it is created again at that moment, without tasks yet. The guide says only that
        `reason` has the id of the deployment that is rolled back to, so both are simulated.
        """
        now = self._clock.now()
        before = [item for item in service.deployments if item is not good]
        if self.rolls_back_anew:
            renewed = replace(good, created_at=now, desired_count=0)
            service.deployments = [renewed, *before, good]
            good = renewed
        else:
            service.deployments = [good, *before]
        service.network_configuration = good.network_configuration
        service.capacity_provider_strategy = good.capacity_provider_strategy
        service.steady = False
        good.rollout_state = "IN_PROGRESS"
        good.rollout_reason = (
            f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."
        )
        good.updated_at = now
        good.failed_tasks, good.proven, good.ready_at = 0, False, None
        self._log.add(service, events.rolling_back(service.name, good.id))
        self._announcements.deployment_changed(service, good)


def _breaker(service: Service) -> dict[str, bool]:
    breaker: dict[str, bool] = service.deployment_configuration["deploymentCircuitBreaker"]
    return breaker


def _unhealthy(task: Task) -> bool:
    return task.stopped_reason == FAILED_HEALTH_CHECKS
