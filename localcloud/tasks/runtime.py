"""The interface between the ECS control plane and whatever runs containers.

Two runtimes implement it: real processes with a real Envoy (`processes.py`), and a script for tests
in which nothing runs (`scripted.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

AppProtocol = Literal["http", "http2", "grpc"]
Condition = Literal["START", "COMPLETE", "SUCCESS", "HEALTHY"]
HealthStatus = Literal["HEALTHY", "UNHEALTHY"]


@dataclass(frozen=True)
class LogTarget:
    """A CloudWatch log stream that a container's or a proxy's output goes to."""

    group: str
    stream: str


@dataclass(frozen=True)
class HealthCheck:
    """A container health check; times in seconds as in the task definition."""

    command: tuple[str, ...]
    """ECS's form: ("CMD", ...) or ("CMD-SHELL", one string)."""
    interval: float
    timeout: float
    retries: int
    start_period: float


@dataclass(frozen=True)
class Container:
    name: str
    image: str
    command: tuple[str, ...]
    entry_point: tuple[str, ...]
    environment: Mapping[str, str]
    ports: tuple[int, ...]
    """Container ports, TCP."""
    essential: bool
    stop_timeout: float
    """Seconds from SIGTERM to SIGKILL."""
    log: LogTarget | None = None
    health_check: HealthCheck | None = None
    depends_on: tuple[tuple[str, Condition], ...] = ()
    """The containers that this one waits for, and until when."""
    digest: str = ""
    """For an image of the account's registry; empty if nothing was pushed under this name."""


NEVER_STARTED = 143
"""The exit code of a container whose dependency cannot come (amazon-ecs-agent, pull request
3218)."""


def unmet(container: str, dependency: str, code: int) -> str:
    """Why a container that waits for SUCCESS of another one never starts, as the ECS agent says."""
    return (
        "CannotStartContainerError: dependency graph: failed to resolve container ordering "
        f"dependency [{dependency} (STOPPED->RUNNING) - Exit: {code}] for target [{container} "
        "(NONE->RUNNING)]"
    )


@dataclass(frozen=True)
class Timeouts:
    """An endpoint's `timeout`, in seconds; 0 means none, None means Service Connect's default."""

    per_request: int | None = None
    """Until the whole response; never for plain TCP (P10)."""
    idle: int | None = None


@dataclass(frozen=True)
class Ingress:
    """A Service Connect endpoint that this task serves."""

    port_name: str
    endpoint: str
    """Unique key of the endpoint: "<namespace id>/<discovery name>"."""
    port: int
    """The port of the task's address that reaches the proxy: the override or the container's."""
    container_port: int
    app_protocol: AppProtocol | None
    """None is plain TCP."""
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True)
class ClientAlias:
    """A name that resolves inside this task: an endpoint that existed when its deployment began."""

    dns_name: str
    port: int
    endpoint: str
    app_protocol: AppProtocol | None
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True)
class Proxy:
    """The Service Connect sidecar."""

    container_name: str
    ingress: tuple[Ingress, ...]
    client_aliases: tuple[ClientAlias, ...]
    log: LogTarget | None = None


@dataclass(frozen=True)
class Task:
    task_id: str
    private_ip: str
    containers: tuple[Container, ...]
    proxy: Proxy | None = None


class TaskObserver(Protocol):
    """Called from the runtime's own threads, never while the caller of `start` or `stop` waits."""

    def pull_failed(self, task_id: str, container: str, reason: str) -> None:
        """An image cannot be pulled; `reason` is AWS's text, from "CannotPullContainerError:
        ..."."""

    def played(self, task_id: str, container: str, remark: str) -> None:
        """Something else plays its image; `remark` says so to whoever describes the task."""

    def started(self, task_id: str) -> None:
        """Every container runs and the proxy, if any, is ready."""

    def container_exited(
        self, task_id: str, container: str, exit_code: int, reason: str | None
    ) -> None:
        """`reason` is AWS's text if there is one ("OutOfMemoryError: ..."); 137 is SIGKILL."""

    def container_health(self, task_id: str, container: str, status: HealthStatus) -> None: ...

    def output(self, target: LogTarget, timestamp_ms: int, line: str) -> None:
        """One line that a container or a proxy printed."""


class TaskRuntime(Protocol):
    def start(self, task: Task, observer: TaskObserver) -> None:
        """Pulls, starts the proxy and, when it is ready, every container.

        Returns at once; the observer is called as it proceeds."""

    def stop(self, task_id: str) -> None:
        """SIGTERM, later SIGKILL, to what still runs. Returns at once; the observer is called for
        each end.

        An unknown task is already gone: nothing happens."""

    def set_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        """The (private ip, port) pairs that an endpoint's client aliases now lead to."""

    def socket_of(self, private_ip: str, port: int) -> Path | None:
        """The Unix socket that stands for a task's address on this machine; None if nothing
        listens.

        Behind it is the ingress proxy of a declared endpoint, else the container itself."""

    def close(self) -> None:
        """Ends every process. Nothing is left when this returns."""
