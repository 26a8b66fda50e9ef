"""A task runtime in which nothing runs: each image follows a script, driven by the clock.

An image without a script is pulled and started at once, is healthy if it declares a check, and runs
until it is stopped:

    runtime.script("registry/app:broken", pull_failed("CannotPullContainerError: ..."))
    runtime.script("registry/app:crashes", exits(1, after=0.1, output=["no database"]))
    runtime.script("registry/app:flaky", in_turn(exits(1, after=1), runs()))
    runtime.script("registry/python", proof_client)

Seconds count from the moment the control plane hands over the task.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from localcloud.clock import Clock
from localcloud.tasks.runtime import (
    NEVER_STARTED,
    Container,
    HealthStatus,
    Task,
    TaskObserver,
    unmet,
)
from localcloud.tasks.scripted_answers import AnsweringSockets, HttpAnswer
from localcloud.tasks.scripted_edges import (
    NAME_SECONDS,
    NO_NAME,
    PROOF_SECONDS,
    PROVEN,
    SETTLED_SECONDS,
    EdgeResult,
    EdgeScript,
)

THE_PROXY_ANSWERS = HttpAnswer(200, "envoy")


@dataclass(frozen=True)
class Script:
    """What becomes of one container. Created by the functions of this module."""

    pull_failure: str | None = None
    """AWS's text; the container is not started then."""
    start_after: float | None = 0.0
    """None: never."""
    output: tuple[str, ...] = ()
    """Lines that are printed when it has started."""
    health: tuple[tuple[float, HealthStatus], ...] = ((0.0, "HEALTHY"),)
    """What its health check reports, seconds after the start; only if it declares a check."""
    exit: tuple[float, int, str | None] | None = None
    """Seconds after the start, exit code, AWS's reason if there is one."""
    heeds_sigterm: bool = True
    answer: HttpAnswer | None = THE_PROXY_ANSWERS
    """What its ports answer while it runs; None if nothing listens."""
    edge: EdgeScript | None = None
    """The edge that it proves; it ends when that is proven."""
    remark: str = ""
    """What ECS is told of who plays the image."""


ScriptOf = Callable[[Container], Script]
"""Distinguishes the containers of one image."""


class ScriptsInTurn:
    """One script for each task that is started; the last one for all that follow."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = list(scripts)

    def next(self) -> Script:
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]


def runs(after: float = 0.0, output: Sequence[str] = (), remark: str = "") -> Script:
    """Starts and keeps running."""
    return Script(start_after=after, output=tuple(output), remark=remark)


def answers(status: int = 200, server: str = "envoy") -> Script:
    """Starts, keeps running, and gives this answer to every HTTP request."""
    return Script(answer=HttpAnswer(status, server))


def answers_nothing() -> Script:
    """Starts, keeps running, and refuses every connection."""
    return Script(answer=None)


def serves_elsewhere() -> Script:
    """Starts, keeps running, and serves at another port than its endpoint says: its proxy answers
    503."""
    return Script(answer=HttpAnswer(503, "envoy", instead_of_application=True))


def serves_otherwise() -> Script:
    """Starts, keeps running, and serves in another protocol than its endpoint says: its proxy
    answers 502. A connection of TCP is open all the same."""
    return Script(answer=HttpAnswer(502, "envoy", instead_of_application=True))


def pull_failed(reason: str, after: float = 0.0) -> Script:
    """Its image cannot be pulled; `reason` as AWS words it ("CannotPullContainerError: ...")."""
    return Script(pull_failure=reason, start_after=after)


def never_starts() -> Script:
    """Stays PENDING."""
    return Script(start_after=None)


def exits(
    code: int, after: float = 0.0, output: Sequence[str] = (), reason: str | None = None
) -> Script:
    """Starts, prints, and ends by itself."""
    return Script(output=tuple(output), exit=(after, code, reason))


def healthy(after: float) -> Script:
    """Its health check reports HEALTHY after that time."""
    return Script(health=((after, "HEALTHY"),))


def never_healthy() -> Script:
    """Its health check never reports: UNKNOWN."""
    return Script(health=())


def unhealthy(after: float = 0.0, healthy_before: bool = False) -> Script:
    """Its health check reports UNHEALTHY after that time."""
    before: tuple[tuple[float, HealthStatus], ...] = ((0.0, "HEALTHY"),) if healthy_before else ()
    return Script(health=(*before, (after, "UNHEALTHY")))


def ignores_sigterm() -> Script:
    """Ends only by SIGKILL, after its stop time-out, with exit code 137."""
    return Script(heeds_sigterm=False)


def proof_client(container: Container) -> Script:
    """For the image of proof clients: one container idles, the others prove an edge each."""
    return (
        Script() if container.essential else Script(edge=EdgeScript.of_command(container.command))
    )


def in_turn(*scripts: Script) -> ScriptsInTurn:
    return ScriptsInTurn(scripts)


@dataclass
class _Play:
    task: Task
    observer: TaskObserver
    scripts: dict[str, Script]
    running: set[str] = field(default_factory=set)
    stopping: bool = False
    seen: dict[str, EdgeResult] = field(default_factory=dict)
    """The last result of a container that proves an edge."""


class ScriptedRuntime:
    """A `localcloud.tasks.runtime.TaskRuntime`; also records what it was asked to run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scripts: dict[str, Script | ScriptsInTurn | ScriptOf] = {}
        self._plays: dict[str, _Play] = {}
        self._lock = threading.RLock()
        self.handed_over: list[Task] = []
        """Every task that was ever started, in order."""
        self.endpoints: dict[str, tuple[tuple[str, int], ...]] = {}
        """Where each endpoint's aliases lead now."""
        self._sockets = AnsweringSockets()

    def script(self, image: str, script: Script | ScriptsInTurn | ScriptOf) -> None:
        """Containers of this image that start from now on follow this script."""
        with self._lock:
            self._scripts[image] = script

    def unscript(self, image: str) -> None:
        """Containers of this image start at once and keep running again."""
        with self._lock:
            self._scripts.pop(image, None)

    def running(self) -> list[Task]:
        """The tasks that have a running container."""
        with self._lock:
            return [play.task for play in self._plays.values() if play.running]

    def exit(self, task_id: str, container: str, code: int, reason: str | None = None) -> None:
        """Ends a running container now, whatever its script says."""
        self._end(task_id, container, code, reason)

    def report_health(self, task_id: str, container: str, status: HealthStatus) -> None:
        """Sets a container's or the proxy's health now, whatever a script says."""
        self._report(task_id, container, status)

    # --- TaskRuntime -------------------------------------------------------------------------

    def start(self, task: Task, observer: TaskObserver) -> None:
        with self._lock:
            self.handed_over.append(task)
            scripts = {c.name: self._script_of(c) for c in task.containers}
            self._plays[task.task_id] = _Play(task, observer, scripts)
        for name, script in scripts.items():
            if script.pull_failure is not None:
                fail = partial(self._fail_pull, task, name, script.pull_failure)
                self._clock.call_later(script.start_after or 0.0, fail)
                return
        delays = [script.start_after for script in scripts.values()]
        slowest = max((delay for delay in delays if delay is not None), default=0.0)
        if None not in delays:
            self._clock.call_later(slowest, partial(self._begin, task.task_id))

    def stop(self, task_id: str) -> None:
        with self._lock:
            play = self._plays.get(task_id)
            if play is None or play.stopping:
                return
            play.stopping = True
            never_started = {c.name for c in play.task.containers} - play.running
        for container in play.task.containers:
            script = play.scripts[container.name]
            graceful = script.heeds_sigterm or container.name in never_started
            code = play.seen[container.name].code if container.name in play.seen else 0
            delay, code = (0.0, code) if graceful else (container.stop_timeout, 137)
            end = partial(self._end, task_id, container.name, code, None)
            self._clock.call_later(delay, end)

    def set_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        with self._lock:
            self.endpoints[endpoint] = tuple(addresses)
        self._check_edges_soon()

    def socket_of(self, private_ip: str, port: int) -> Path | None:
        with self._lock:
            answer = self._answer((private_ip, port))
            return self._sockets.path((private_ip, port), answer) if answer else None

    def close(self) -> None:
        with self._lock:
            self._plays.clear()
        self._sockets.close()

    # --- playing -----------------------------------------------------------------------------

    def _script_of(self, container: Container) -> Script:
        script = self._scripts.get(container.image, Script())
        if isinstance(script, ScriptsInTurn):
            return script.next()
        return script if isinstance(script, Script) else script(container)

    def _fail_pull(self, task: Task, container: str, reason: str) -> None:
        with self._lock:
            play = self._plays.pop(task.task_id, None)
        if play is not None and not play.stopping:
            play.observer.pull_failed(task.task_id, container, reason)

    def _begin(self, task_id: str) -> None:
        with self._lock:
            play = self._plays.get(task_id)
            if play is None or play.stopping:
                return
            play.running = {container.name for container in play.task.containers}
        for container in play.task.containers:
            if remark := play.scripts[container.name].remark:
                play.observer.played(task_id, container.name, remark)
        play.observer.started(task_id)
        for container in play.task.containers:
            self._play(play, container, play.scripts[container.name])
        self._check_edges_soon()

    def _play(self, play: _Play, container: Container, script: Script) -> None:
        task_id, name = play.task.task_id, container.name
        if container.log is not None:
            for line in script.output:
                play.observer.output(container.log, int(self._clock.now() * 1000), line)
        if container.health_check is not None:
            for after, status in script.health:
                self._clock.call_later(after, partial(self._report, task_id, name, status))
        if script.exit is not None:
            after, code, reason = script.exit
            self._clock.call_later(after, partial(self._end, task_id, name, code, reason))

    def _report(self, task_id: str, container: str, status: HealthStatus) -> None:
        with self._lock:
            play = self._plays.get(task_id)
            if play is None or container not in (*play.running, _proxy_of(play.task)):
                return
        play.observer.container_health(task_id, container, status)

    def _end(self, task_id: str, container: str, code: int, reason: str | None) -> None:
        with self._lock:
            play = self._plays.get(task_id)
            if play is None:
                return
            was_running = container in play.running
            play.running.discard(container)
            if play.stopping and not play.running:
                del self._plays[task_id]
        if was_running or play.stopping:
            play.observer.container_exited(task_id, container, code, reason)
        for other in play.task.containers if code else ():
            if (container, "SUCCESS") in other.depends_on:
                why = unmet(other.name, container, code)
                self._end(task_id, other.name, NEVER_STARTED, why)
        self._check_edges_soon()

    # --- edges -------------------------------------------------------------------------------

    def _check_edges_soon(self) -> None:
        # Later: the caller that reports a change may hold a lock that an observer needs.
        self._clock.call_later(0.0, self._check_edges)

    def _check_edges(self) -> None:
        with self._lock:
            changes = [
                (play, container, edge, play.seen[container.name])
                for play in self._plays.values()
                for container in play.task.containers
                if (edge := play.scripts[container.name].edge)
                and self._sees_another(edge, play, container)
            ]
        for play, container, edge, seen in changes:
            if container.log is not None:
                line = seen.line(edge.alias)
                play.observer.output(container.log, int(self._clock.now() * 1000), line)
            if seen.code in (PROVEN, NO_NAME):
                end = partial(self._end, play.task.task_id, container.name, seen.code, None)
                self._clock.call_later(PROOF_SECONDS if seen.code == PROVEN else NAME_SECONDS, end)
            elif seen.meant:
                settle = partial(self._settle, play, container.name, seen)
                self._clock.call_later(SETTLED_SECONDS, settle)

    def _settle(self, play: _Play, container: str, seen: EdgeResult) -> None:
        """An application that has given the same wrong answer for so long means it."""
        with self._lock:
            same = play.seen.get(container) == seen
        if same:
            self._end(play.task.task_id, container, seen.code, None)

    def _sees_another(self, edge: EdgeScript, play: _Play, container: Container) -> bool:
        before = play.seen.get(container.name)
        if container.name not in play.running:
            return False
        if before is not None and before.code in (PROVEN, NO_NAME):
            return False
        addresses = self.endpoints.get(edge.endpoint(play.task) or "", ())
        seen = edge.result(play.task, [self._answer(address) for address in addresses])
        play.seen[container.name] = seen
        return seen != before

    def _answer(self, address: tuple[str, int]) -> HttpAnswer | None:
        private_ip, port = address
        for play in self._plays.values():
            if play.task.private_ip == private_ip and play.running:
                return _answer_at(play, port)
        return None


def _proxy_of(task: Task) -> str:
    return task.proxy.container_name if task.proxy is not None else ""


def _answer_at(play: _Play, port: int) -> HttpAnswer | None:
    """The answer of the container that has the port, or to which the ingress proxy at the port
    leads."""
    ingress = play.task.proxy.ingress if play.task.proxy is not None else ()
    behind = next((item.container_port for item in ingress if item.port == port), port)
    for container in play.task.containers:
        if behind in container.ports and container.name in play.running:
            return play.scripts[container.name].answer
    return None
