"""The real task runtime: containers are processes, Service Connect proxies are real Envoys."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .envoy import find_envoy
from .files import RuntimeFiles
from .images import STAND_IN, CannotPullError, Image, Pulled, pull
from .isolation import SANDBOX, Kind, choose_isolation
from .plan import Host, directly_reached, prepare
from .remarks import PLAYED, remarks
from .runtime import NEVER_STARTED, LogTarget, Task, TaskObserver, unmet
from .sandbox.protocol import STOP, Event

_log = logging.getLogger(__name__)

_KILLED = 137
_END_TIMEOUT = 5.0
_TCP_LISTEN = "0A"
"""As in /proc/net/tcp."""


class ProcessRuntime:
    """A TaskRuntime in which everything is real, on this machine only.

    Raises NoEnvoyError if there is no Envoy, and CannotIsolateError if `isolation` is "namespace"
    and the system refuses it. The default is the best isolation that the system allows.
    `health_scale` multiplies the times of container health checks.
    """

    def __init__(
        self,
        *,
        isolation: Kind | None = None,
        health_scale: float = 1.0,
        own_images: Sequence[Image] = (),
    ) -> None:
        program = find_envoy()
        self._files = RuntimeFiles()
        try:
            chosen = choose_isolation(self._files, isolation)
        except BaseException:
            self._files.remove()
            raise
        self.isolation: Kind = chosen.kind
        self.isolation_sentence = chosen.sentence
        """For people: which isolation is active, and why."""
        self.directory = self._files.root
        """Holds every socket and file of the tasks, until `close`."""
        isolated = chosen.kind == "namespace"
        self._host = Host(self._files, program, isolated, health_scale, tuple(own_images))
        self._lock = threading.Lock()
        self._tasks: dict[str, _RunningTask] = {}
        self._closed = False

    def start(self, task: Task, observer: TaskObserver) -> None:
        running = _RunningTask(task, observer, self._host, self._forget)
        with self._lock:
            if self._closed:
                raise RuntimeError("the task runtime is closed")
            self._tasks[task.task_id] = running
        running.begin()

    def stop(self, task_id: str) -> None:
        with self._lock:
            running = self._tasks.get(task_id)
        if running is not None:
            running.stop()

    def set_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        self._files.write_endpoint(endpoint, addresses)

    def socket_of(self, private_ip: str, port: int) -> Path | None:
        with self._lock:
            holders = [t for t in self._tasks.values() if t.task.private_ip == private_ip]
        path = self._files.socket(private_ip, port)
        return path if any(each.listens(port) for each in holders) and path.exists() else None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            running = list(self._tasks.values())
        for each in running:
            each.abandon()
        for each in running:
            each.join()
        self._files.remove()

    def _forget(self, running: _RunningTask) -> None:
        with self._lock:
            self._tasks.pop(running.task.task_id, None)


class _RunningTask:
    """One task: a sandbox process, and the thread that reads its events."""

    def __init__(
        self,
        task: Task,
        observer: TaskObserver,
        host: Host,
        on_end: Callable[[_RunningTask], None],
    ) -> None:
        self.task = task
        self._observer = observer
        self._host = host
        self._on_end = on_end
        self._lock = threading.Lock()
        self._sandbox: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._abandoned = False
        self._started = False
        self._pulled: dict[str, Pulled] = {}
        self._running = {each.name for each in task.containers}
        self._logs: dict[str, LogTarget | None] = {each.name: each.log for each in task.containers}
        if task.proxy is not None:
            self._running.add(task.proxy.container_name)
            self._logs[task.proxy.container_name] = task.proxy.log
        self._thread = threading.Thread(target=self._run, name=f"task {task.task_id}", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._send_stop()

    def abandon(self) -> None:
        """Ends everything at once and reports nothing."""
        with self._lock:
            self._abandoned = True
            if self._sandbox is not None:
                _end_input(self._sandbox)

    def join(self) -> None:
        self._thread.join(_END_TIMEOUT)
        if self._thread.is_alive() and self._sandbox is not None:
            self._sandbox.kill()
            self._thread.join(_END_TIMEOUT)

    def listens(self, port: int) -> bool:
        if not self._started:
            return False
        if port not in directly_reached(self.task):
            proxy = self.task.proxy
            return proxy is not None and proxy.container_name in self._running
        if self._host.isolated:
            assert self._sandbox is not None
            return _listens_in_namespace_of(self._sandbox.pid, port)
        return _accepts(self._host.files.socket(self.task.private_ip, port))

    def _run(self) -> None:
        try:
            if self._pull():
                self._hold()
        except Exception as problem:
            _log.exception("task %s could not be run", self.task.task_id)
            self._report_all_ended(1, f"CannotStartContainerError: {problem}")
        finally:
            self._on_end(self)
            self._host.files.remove_address(self.task.private_ip)

    def _pull(self) -> bool:
        """Whether every image can be pulled."""
        for container in self.task.containers:
            try:
                pulled = pull(container.image, container.digest, self._host.own_images)
                self._pulled[container.name] = pulled
            except CannotPullError as problem:
                _log.warning(
                    "%s: the image %s cannot be there (localcloud/tasks/images.py)",
                    container.name,
                    container.image,
                )
                self._observer.pull_failed(self.task.task_id, container.name, str(problem))
                return False
            if pulled.image is STAND_IN:
                _log.warning("%s: a stand-in plays the image %s", container.name, container.image)
                self._observer.played(self.task.task_id, container.name, PLAYED)
        return True

    def _hold(self) -> None:
        outside = None if self._host.isolated else _listening_socket()
        try:
            plan = prepare(
                self.task,
                self._pulled,
                self._host,
                None if outside is None else (outside.fileno(), outside.getsockname()[1]),
            )
            sandbox = subprocess.Popen(
                [*SANDBOX, str(plan)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd="/",
                # Ctrl-C goes to the server, which ends its tasks in order.
                start_new_session=True,
                pass_fds=() if outside is None else (outside.fileno(),),
            )
        finally:
            if outside is not None:
                outside.close()
        now_ms = time.time_ns() // 1_000_000
        for log, remark in remarks(self.task, self._pulled, isolated=self._host.isolated):
            self._observer.output(log, now_ms, remark)
        with self._lock:
            self._sandbox = sandbox
            if self._abandoned:
                _end_input(sandbox)
            elif self._stopping:
                self._send_stop()
        with sandbox:
            assert sandbox.stdout is not None
            for line in sandbox.stdout:
                self._handle(json.loads(line))
        # The sandbox reports every end itself, unless something else ended it.
        self._report_all_ended(_KILLED, None)

    def _handle(self, event: Event) -> None:
        if self._abandoned:
            return
        task_id = self.task.task_id
        if event["event"] == "output":
            log = self._logs.get(event["name"])
            if log is not None:
                self._observer.output(log, event["at_ms"], event["line"])
        elif event["event"] == "started":
            self._started = True
            self._observer.started(task_id)
        elif event["event"] == "health":
            self._observer.container_health(task_id, event["name"], event["status"])
        elif event["event"] == "unmet":
            self._running.discard(event["name"])
            why = unmet(event["name"], event["dependency"], event["code"])
            self._observer.container_exited(task_id, event["name"], NEVER_STARTED, why)
        elif event["event"] == "exited":
            if event["name"] in self._running:
                self._running.discard(event["name"])
                reason = event["reason"] or self._exit_reason(event["name"], event["code"])
                self._observer.container_exited(task_id, event["name"], event["code"], reason)
        else:
            self._report_all_ended(1, f"CannotStartContainerError: {event['reason']}")

    def _exit_reason(self, name: str, code: int) -> str | None:
        pulled = self._pulled.get(name)
        return None if pulled is None else pulled.image.exit_reasons.get(code)

    def _report_all_ended(self, code: int, reason: str | None) -> None:
        for name in sorted(self._running):
            self._running.discard(name)
            if not self._abandoned:
                self._observer.container_exited(self.task.task_id, name, code, reason)

    def _send_stop(self) -> None:
        if self._sandbox is None or self._sandbox.stdin is None:
            return
        try:
            self._sandbox.stdin.write(STOP)
            self._sandbox.stdin.flush()
        except (BrokenPipeError, ValueError):
            # It has ended by itself in the meantime.
            return


def _end_input(sandbox: subprocess.Popen[bytes]) -> None:
    assert sandbox.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        sandbox.stdin.close()


def _listening_socket() -> socket.socket:
    """On a port that the system chose; passed on open, so that nobody else can take the port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _listens_in_namespace_of(pid: int, port: int) -> bool:
    """Whether any process in the network namespace of `pid` listens on a TCP port."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, *_ = line.split()
            if state == _TCP_LISTEN and int(local.rpartition(":")[2], 16) == port:
                return True
    return False
