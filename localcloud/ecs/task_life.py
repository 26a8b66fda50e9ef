"""The life of one task: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING ... STOPPED.

Time comes from the clock, facts from the runtime. Every change is reported to whoever placed the
task (a service's scheduler). State names: "Amazon ECS task lifecycle" in the developer guide.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from localcloud.ecs.announcements import Announcements
from localcloud.ecs.log_delivery import LogDelivery, log_target
from localcloud.ecs.model import ContainerState, Health, StopCode, Task, TaskStatus
from localcloud.ecs.obstacles import Obstacles
from localcloud.ecs.runtime_calls import RuntimeCalls
from localcloud.ecs.secret_delivery import SecretDelivery, SecretError
from localcloud.ecs.service_connect import ServiceConnectPlane
from localcloud.guarded_clock import GuardedClock
from localcloud.network import Network
from localcloud.tasks import runtime
from localcloud.timings import Timings

_log = logging.getLogger(__name__)

STOPPED_VISIBLE = 3600.0
"""Seconds for which a stopped task is described (H22)."""
_KILL_GRACE = 10.0
"""Seconds after SIGKILL was due until a container counts as dead even if the runtime has not
reported."""


class TaskListener(Protocol):
    def task_changed(self, task: Task) -> None:
        """A task's status, health or registration has changed."""


class TaskLives:
    """Moves tasks through their lives; the observer of the runtime.

    `begin` and `stop` are called with the control plane's lock held; the observer's methods are
    called by the runtime and take it themselves.
    """

    def __init__(
        self,
        clock: GuardedClock,
        timings: Timings,
        network: Network,
        connect: ServiceConnectPlane,
        logs: LogDelivery,
        secrets: SecretDelivery,
        runtime_calls: RuntimeCalls,
        announcements: Announcements,
        obstacles: Obstacles,
    ) -> None:
        self._clock = clock
        self._timings = timings
        self._network = network
        self._connect = connect
        self._logs = logs
        self._secrets = secrets
        self._runtime = runtime_calls
        self._announcements = announcements
        self._obstacles = obstacles
        self._tasks: dict[str, Task] = {}
        self._listener: TaskListener | None = None

    def listen(self, listener: TaskListener) -> None:
        self._listener = listener

    def begin(self, task: Task) -> None:
        """A task was placed: provisions it, pulls its images, starts it."""
        self._tasks[task.id] = task
        self._announcements.task_changed(task)
        self._clock.call_later(self._timings.provisioning, lambda: self._provisioned(task))

    def stop(self, task: Task, code: StopCode, reason: str) -> None:
        """Takes a task out of service and ends it. Does nothing if it is already stopping."""
        if not task.live:
            return
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = code, reason
        task.stopping_at = self._clock.now()
        if task.registered and task.deployment.connect is not None:
            self._become(task, "DEACTIVATING")
            self._clock.call_later(self._timings.registration, lambda: self._deactivated(task))
        else:
            self._stop_containers(task)

    # --- what the runtime observes (localcloud.tasks.runtime.TaskObserver) ---------------------

    def pull_failed(self, task_id: str, container: str, reason: str) -> None:
        def failed(task: Task) -> None:
            state = task.container(container)
            if state is not None:
                state.reason = reason
            task.handed_to_runtime = False  # nothing of it runs, so there is no end to wait for
            self._runtime.stop(task.id)
            self.stop(task, "TaskFailedToStart", reason)

        self._observed(task_id, failed)

    def played(self, task_id: str, container: str, remark: str) -> None:
        def remarked(task: Task) -> None:
            state = task.container(container)
            if state is not None:
                state.remark = remark

        self._observed(task_id, remarked)

    def started(self, task_id: str) -> None:
        def running(task: Task) -> None:
            if not task.live or task.status != "PENDING":
                return
            task.pull_stopped_at = task.pull_stopped_at or self._clock.now()
            for container in task.all_containers:
                if container.status == "PENDING":
                    container.status = "RUNNING"
            if task.proxy is not None:
                task.proxy.health = "HEALTHY"
            connect = task.deployment.connect
            if connect is not None and connect.endpoints:
                self._activate(task)
            else:
                task.started_at, task.registered = self._clock.now(), True
                self._become(task, "RUNNING")

        self._observed(task_id, running)

    def container_exited(
        self, task_id: str, container: str, exit_code: int, reason: str | None
    ) -> None:
        def exited(task: Task) -> None:
            state = task.container(container)
            if state is None or state.status == "STOPPED":
                return
            never_ran = state.status == "PENDING"
            state.status, state.exit_code = "STOPPED", exit_code
            state.reason = reason or state.reason
            state.health = "UNKNOWN"
            if state.essential and task.live and never_ran:
                self.stop(task, "TaskFailedToStart", reason or "Task failed to start")  # H10
            elif state.essential and task.live:
                self.stop(task, "EssentialContainerExited", "Essential container in task exited")
            elif task.status != "STOPPING" or not _ended(task):
                self._state_changed(task)
            else:
                self._finish_when_ended(task)

        self._observed(task_id, exited)

    def container_health(self, task_id: str, container: str, status: runtime.HealthStatus) -> None:
        def checked(task: Task) -> None:
            state = task.container(container)
            if state is None or state.status != "RUNNING":
                return
            before: Health = task.health
            state.health = status
            if task.health != before:
                self._notify_listener(task)

        self._observed(task_id, checked)

    def output(self, target: runtime.LogTarget, timestamp_ms: int, line: str) -> None:
        self._clock.run(lambda: self._logs.put(target, timestamp_ms, line))

    # --- within ------------------------------------------------------------------------------

    def _provisioned(self, task: Task) -> None:
        if not task.live:
            return
        service = task.service.name if task.service is not None else ""
        if (failure := self._obstacles.provisioning_failure(service)) is not None:
            self.stop(task, "TaskFailedToStart", failure)
            return
        configuration = (task.deployment.network_configuration or {}).get("awsvpcConfiguration", {})
        groups = configuration.get("securityGroups") or [self._network.default_security_group()]
        task.interface = self._network.attach(
            task.subnet_id,
            groups,
            public=configuration.get("assignPublicIp") == "ENABLED",
            attachment_id=task.interface_attachment_id,
        )
        task.connectivity_at = task.pull_started_at = self._clock.now()
        self._become(task, "PENDING")
        try:
            self._secrets.deliver(task)
        except SecretError as error:
            self.stop(task, "TaskFailedToStart", str(error))
            return
        if (failure := self._open_logs(task) or _unmounted(task)) is not None:
            self.stop(task, "TaskFailedToStart", failure)
            return
        self._clock.call_later(self._timings.pull, lambda: self._hand_to_runtime(task))

    def _open_logs(self, task: Task) -> str | None:
        """Why it cannot log; None if it can."""
        connect = task.deployment.connect
        role = task.definition.definition.get("executionRoleArn", "")
        for container in task.all_containers:
            configuration = container.definition.get("logConfiguration")
            if container is task.proxy and connect is not None:
                configuration = connect.log
            container.log = log_target(configuration, container.name, task.id)
            if container.log is None:
                continue
            if failure := self._logs.open(container.log, configuration or {}, role):
                return failure
        return None

    def _hand_to_runtime(self, task: Task) -> None:
        if not task.live:
            return
        task.pull_stopped_at = self._clock.now()
        task.handed_to_runtime = True
        self._runtime.start(_for_runtime(task, self._timings), self)

    def _activate(self, task: Task) -> None:
        """Registers its endpoints before it is RUNNING; here half of the registration time passes
        before and half after. ECS does not say when Cloud Map lists a task."""

        def activated() -> None:
            if task.live and task.status == "ACTIVATING":
                task.started_at = self._clock.now()
                self._become(task, "RUNNING")
                self._clock.call_later(half, lambda: self._register(task))

        half = self._timings.registration / 2
        self._become(task, "ACTIVATING")
        self._clock.call_later(half, activated)

    def _register(self, task: Task) -> None:
        if not task.live or task.status != "RUNNING":
            return
        self._connect.register(task)
        task.registered = True
        self._notify_listener(task)

    def _deactivated(self, task: Task) -> None:
        self._connect.deregister(task)
        task.registered = False
        self._stop_containers(task)

    def _stop_containers(self, task: Task) -> None:
        self._become(task, "STOPPING")
        if task.handed_to_runtime:
            self._runtime.stop(task.id)
            longest = max(_stop_timeout(item, self._timings) for item in task.containers)
            self._clock.call_later(longest + _KILL_GRACE, lambda: self._give_up_waiting(task))
        else:
            for container in task.all_containers:
                container.status = "STOPPED"
        self._finish_when_ended(task)

    def _give_up_waiting(self, task: Task) -> None:
        """SIGKILL is final on AWS, so it is here, whatever the runtime has reported."""
        silent = [item for item in task.containers if item.status != "STOPPED"]
        for container in silent:
            _log.warning("task %s: no word of the end of %s", task.id, container.name)
            container.status, container.exit_code = "STOPPED", 137
        if silent:
            self._finish_when_ended(task)

    def _finish_when_ended(self, task: Task) -> None:
        """The proxy ends with the last container that it serves."""
        if task.status != "STOPPING" or not _ended(task):
            return
        if task.proxy is not None:
            task.proxy.status, task.proxy.health = "STOPPED", "UNKNOWN"
            if task.handed_to_runtime and task.proxy.exit_code is None:
                task.proxy.exit_code = 0
        task.execution_stopped_at = self._clock.now()
        self._become(task, "DEPROVISIONING")
        self._clock.call_later(self._timings.deprovisioning, lambda: self._deprovisioned(task))

    def _deprovisioned(self, task: Task) -> None:
        if task.interface is not None:
            self._network.release(task.interface)
        task.stopped_at = self._clock.now()
        del self._tasks[task.id]
        self._clock.call_later(STOPPED_VISIBLE, lambda: self._purge(task))
        self._become(task, "STOPPED")

    def _purge(self, task: Task) -> None:
        task.cluster.tasks.pop(task.id, None)

    def _become(self, task: Task, status: TaskStatus) -> None:
        task.status = status
        self._state_changed(task)

    def _state_changed(self, task: Task) -> None:
        """Its version counts the changes for which ECS sends an event, and no others (Task's
        documentation)."""
        task.version += 1
        self._announcements.task_changed(task)
        self._notify_listener(task)

    def _notify_listener(self, task: Task) -> None:
        if self._listener is not None:
            self._listener.task_changed(task)

    def _observed(self, task_id: str, action: Callable[[Task], None]) -> None:
        def act() -> None:
            task = self._tasks.get(task_id)
            if task is not None:
                action(task)

        self._clock.run(act)


def _unmounted(task: Task) -> str | None:
    """Why its volumes cannot be mounted: this account has no file system at all.

    The words are from public reports of file systems that are not there, or have no mount target in
    the task's subnet."""
    for volume in task.definition.definition.get("volumes", ()):
        if efs := volume.get("efsVolumeConfiguration"):
            region = task.arn.split(":")[3]
            return (
                "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS "
                f'volumes: stderr: Failed to resolve "{efs["fileSystemId"]}.efs.{region}.'
                'amazonaws.com" - check that your file system ID is correct, and ensure that the '
                "VPC has an EFS mount target for this file system ID. : unsuccessful EFS utils "
                "command execution; code: 1"
            )
    return None


def _ended(task: Task) -> bool:
    return all(container.status == "STOPPED" for container in task.containers)


def _stop_timeout(container: ContainerState, timings: Timings) -> float:
    seconds: float = container.definition.get("stopTimeout", timings.stop_timeout)
    return seconds


def _for_runtime(task: Task, timings: Timings) -> runtime.Task:
    assert task.interface is not None, "a task has its interface before its containers"
    return runtime.Task(
        task_id=task.id,
        private_ip=task.interface.private_ip,
        containers=tuple(_container(state, timings) for state in task.containers),
        proxy=_proxy(task),
    )


def _container(state: ContainerState, timings: Timings) -> runtime.Container:
    definition = state.definition
    return runtime.Container(
        name=state.name,
        image=state.image,
        digest=state.digest or "",
        command=tuple(definition.get("command", ())),
        entry_point=tuple(definition.get("entryPoint", ())),
        environment={
            **{item["name"]: item["value"] for item in definition.get("environment", ())},
            **state.secrets,
        },
        ports=tuple(
            mapping["containerPort"]
            for mapping in definition["portMappings"]
            if mapping.get("protocol", "tcp") == "tcp"
        ),
        essential=state.essential,
        stop_timeout=_stop_timeout(state, timings),
        log=state.log,
        health_check=_health_check(definition),
        depends_on=tuple(
            (item["containerName"], item["condition"]) for item in definition.get("dependsOn", ())
        ),
    )


def _health_check(definition: dict[str, object]) -> runtime.HealthCheck | None:
    check = definition.get("healthCheck")
    if not isinstance(check, dict):
        return None
    return runtime.HealthCheck(
        command=tuple(check["command"]),
        interval=check["interval"],
        timeout=check["timeout"],
        retries=check["retries"],
        start_period=check.get("startPeriod", 0),
    )


def _proxy(task: Task) -> runtime.Proxy | None:
    connect = task.deployment.connect
    if task.proxy is None or connect is None:
        return None
    return runtime.Proxy(
        container_name=task.proxy.name,
        ingress=tuple(endpoint.ingress for endpoint in connect.endpoints),
        client_aliases=task.deployment.visible_aliases,
        log=task.proxy.log,
    )
