"""Helpers for the tests of the task runtime: short ways to write tasks, and an observer."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.tasks.isolation import CannotIsolateError, Kind
from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.runtime import (
    AppProtocol,
    ClientAlias,
    Container,
    HealthCheck,
    HealthStatus,
    Ingress,
    LogTarget,
    Proxy,
    Task,
)

PATIENCE = 15.0
"""Seconds until a test gives up on something that takes a tenth of a second."""

APP_LOG = LogTarget("/ecs/app", "app/1")
PROXY_LOG = LogTarget("/ecs/service-connect-proxy", "proxy/1")


@contextmanager
def process_runtime(
    isolation: Kind = "namespace", health_scale: float = 0.01
) -> Iterator[ProcessRuntime]:
    try:
        runtime = ProcessRuntime(isolation=isolation, health_scale=health_scale)
    except CannotIsolateError as refusal:
        pytest.skip(str(refusal))
    try:
        yield runtime
    finally:
        runtime.close()


@dataclass(frozen=True)
class Report:
    """One call of the observer."""

    kind: str
    details: tuple[Any, ...]


class Witness:
    """A TaskObserver that remembers its calls, in order."""

    def __init__(self) -> None:
        self.seen: list[Report] = []
        self._changed = threading.Condition()

    def pull_failed(self, task_id: str, container: str, reason: str) -> None:
        self._remember("pull_failed", task_id, container, reason)

    def played(self, task_id: str, container: str, remark: str) -> None:
        self._remember("played", task_id, container, remark)

    def started(self, task_id: str) -> None:
        self._remember("started", task_id)

    def container_exited(
        self, task_id: str, container: str, exit_code: int, reason: str | None
    ) -> None:
        self._remember("exited", task_id, container, exit_code, reason)

    def container_health(self, task_id: str, container: str, status: HealthStatus) -> None:
        self._remember("health", task_id, container, status)

    def output(self, target: LogTarget, timestamp_ms: int, line: str) -> None:
        self._remember("output", target, timestamp_ms, line)

    def _remember(self, kind: str, *details: Any) -> None:
        with self._changed:
            self.seen.append(Report(kind, details))
            self._changed.notify_all()

    def wait_until(self, held: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(held, PATIENCE), f"{what}; seen: {self.seen}"

    def sees_start_of(self, task: Task) -> None:
        self.wait_until(lambda: Report("started", (task.task_id,)) in self.seen, "no start")

    def sees_exit_of(self, task: Task, container: str) -> tuple[int, str | None]:
        """(exit code, reason)"""
        self.wait_until(lambda: bool(self.exits(task, container)), f"no end of {container}")
        return self.exits(task, container)[0]

    def exits(self, task: Task, container: str) -> list[tuple[int, str | None]]:
        return [
            (each.details[2], each.details[3])
            for each in self.seen
            if each.kind == "exited" and each.details[:2] == (task.task_id, container)
        ]

    def sees_health(self, task: Task, container: str, status: HealthStatus) -> None:
        expected = Report("health", (task.task_id, container, status))
        self.wait_until(lambda: expected in self.seen, f"{container} never {status}")

    def sees_line(self, log: LogTarget, text: str) -> str:
        """The first line of the log that contains the text."""

        def found() -> list[str]:
            return [line for line in self.lines(log) if text in line]

        self.wait_until(lambda: bool(found()), f"no {text!r} in {log}")
        return found()[0]

    def lines(self, log: LogTarget) -> list[str]:
        return [e.details[2] for e in self.seen if e.kind == "output" and e.details[0] == log]


def container(
    name: str = "app",
    image: str = "nginx",
    *,
    shell: str | None = None,
    ports: tuple[int, ...] = (80,),
    stop_timeout: float = 2.0,
    environment: dict[str, str] | None = None,
    health_check: HealthCheck | None = None,
    log: LogTarget | None = APP_LOG,
    digest: str = "",
) -> Container:
    """nginx, or a busybox that runs a shell script."""
    return Container(
        name=name,
        image="busybox" if shell else image,
        command=(shell,) if shell else (),
        entry_point=("sh", "-c") if shell else (),
        environment=environment or {},
        ports=() if shell else ports,
        essential=True,
        stop_timeout=stop_timeout,
        log=log,
        health_check=health_check,
        digest=digest,
    )


def serves(endpoint: str, app_protocol: AppProtocol | None = "http", port: int = 80) -> Ingress:
    return Ingress(endpoint, endpoint, port, 80, app_protocol)


def alias(
    name: str, endpoint: str, app_protocol: AppProtocol | None = "http", port: int = 80
) -> ClientAlias:
    return ClientAlias(name, port, endpoint, app_protocol)


def task(
    number: int,
    *containers: Container,
    ingress: tuple[Ingress, ...] = (),
    aliases: tuple[ClientAlias, ...] = (),
    service_connect: bool = True,
) -> Task:
    proxy = Proxy("service-connect-proxy", ingress, aliases, PROXY_LOG)
    return Task(
        task_id=f"task-{number}",
        private_ip=f"172.31.0.{number}",
        containers=containers or (container(),),
        proxy=proxy if service_connect else None,
    )


def started(runtime: ProcessRuntime, a_task: Task) -> Witness:
    """Starts a task and waits until it has started."""
    witness = Witness()
    runtime.start(a_task, witness)
    witness.sees_start_of(a_task)
    return witness


def socket_path(runtime: ProcessRuntime, a_task: Task, port: int = 80) -> Path:
    """The socket of a task's address, as soon as something listens there."""
    until(lambda: runtime.socket_of(a_task.private_ip, port) is not None, f"nothing at {port}")
    path = runtime.socket_of(a_task.private_ip, port)
    assert path is not None
    return path


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def get(path: Path, target: str = "/", body: bytes | None = None) -> Answer:
    """An HTTP request over a Unix socket."""
    connection = http.client.HTTPConnection("web.test", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(PATIENCE)
    try:
        connection.sock.connect(str(path))
        connection.request("POST" if body else "GET", target, body)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())
    finally:
        connection.close()


def answers(runtime: ProcessRuntime, a_task: Task, port: int = 80) -> Path:
    """The socket of a task's address, as soon as its application answers there."""
    path = socket_path(runtime, a_task, port)

    def is_up() -> bool:
        try:
            return get(path).status == 200
        except OSError:
            return False

    until(is_up, f"{a_task.task_id} never answered")
    return path


def until(held: Callable[[], bool], what: str) -> None:
    """Waits for something that no event reports."""
    deadline = time.monotonic() + PATIENCE
    waiting = threading.Event()
    while not held():
        assert time.monotonic() < deadline, what
        waiting.wait(0.01)


def processes_of(directory: Path, mark: str = "") -> list[int]:
    """The processes of a runtime with this directory; all, or those with `mark` in their command
    line or environment."""
    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdigit() or int(each.name) == os.getpid():
            continue
        try:
            command = (each / "cmdline").read_bytes().decode(errors="replace")
            environment = (each / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(directory) in command + environment and mark in command + environment:
            found.append(int(each.name))
    return found


def kill(runtime: ProcessRuntime, mark: str) -> None:
    """Sends SIGKILL to the one process of the runtime that has this mark."""
    [victim] = processes_of(runtime.directory, mark)
    os.kill(victim, signal.SIGKILL)
