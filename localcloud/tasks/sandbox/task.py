"""The processes of one task, from their start to their end."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from functools import partial
from typing import Literal

from .checks import HealthChecks
from .forward import Forwarder, listen_at
from .loop import Loop
from .output import LineReader
from .protocol import STOP, Event, Plan, ProcessPlan
from .readiness import ReadyProbe
from .spawn import CannotStartError, signal_group, spawn


@dataclass
class _Process:
    plan: ProcessPlan
    pid: int
    output: LineReader
    checks: HealthChecks | None
    stopping: bool = False


class HeldTask:
    """Starts what the plan says; ends when nothing runs any more, or when the server is gone."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._loop = Loop()
        self._running: list[_Process] = []
        self._stopping = False
        self._proxy: _Process | None = None
        self._waiting = list(plan["containers"])
        """Those that have not started yet, because they wait for others."""
        self._started = False
        self._reached: dict[str, set[str]] = {each["name"]: set() for each in self._waiting}
        """What each container has reached of what others may wait for."""

    def hold(self) -> None:
        """As on ECS, the proxy is ready before the first container starts, and goes last.

        https://github.com/aws/amazon-ecs-agent/pull/3200
        """
        self._loop.watch(0, read=self._read_input)
        for forward in self._plan["forwards"]:
            Forwarder(self._loop, listen_at(forward["listen"]), forward["to"])
        proxy = self._plan.get("proxy")
        if proxy is None:
            self._start_containers()
        else:
            self._proxy = self._start(proxy["process"])
            ReadyProbe(self._loop, proxy["ready_socket"], self._start_containers)
        if self._running:
            self._loop.run()

    def _start_containers(self) -> None:
        """Those whose dependencies are met; the task has started once all have."""
        if self._stopping or self._started:
            return
        while due := [each for each in self._waiting if self._is_due(each)]:
            for process in due:
                self._waiting.remove(process)
                self._start(process)
                self._reached[process["name"]].add("START")
        if not self._waiting:
            self._started = True
            tell({"event": "started"})

    def _is_due(self, plan: ProcessPlan) -> bool:
        needs = plan.get("depends_on", {})
        return all(condition in self._reached[name] for name, condition in needs.items())

    def _give_up_on_those_waiting_for(self, name: str, code: int) -> None:
        for plan in list(self._waiting):
            if plan.get("depends_on", {}).get(name) == "SUCCESS":
                self._waiting.remove(plan)
                tell({"event": "unmet", "name": plan["name"], "dependency": name, "code": code})

    def _health(self, name: str, status: Literal["HEALTHY", "UNHEALTHY"]) -> None:
        tell({"event": "health", "name": name, "status": status})
        self._reached[name].add(status)
        self._start_containers()

    def _start(self, plan: ProcessPlan) -> _Process | None:
        name, isolated = plan["name"], self._plan["isolated"]
        reading, writing = os.pipe()
        try:
            pid = spawn(plan["argv"], plan["env"], writing, in_namespace=isolated)
        except CannotStartError as problem:
            os.close(reading)
            tell({"event": "exited", "name": name, "code": 127, "reason": str(problem)})
            return None
        finally:
            os.close(writing)
        output = LineReader(
            self._loop,
            reading,
            lambda at_ms, line: tell(
                {"event": "output", "name": name, "at_ms": at_ms, "line": line}
            ),
        )
        checks = None
        if "health" in plan:
            checks = HealthChecks(
                self._loop,
                plan["health"],
                plan["env"],
                partial(self._health, name),
                in_namespace=isolated,
            )
        process = _Process(plan, pid, output, checks)
        self._running.append(process)
        self._loop.when_ended(pid, lambda code: self._ended(process, code))
        return process

    def _ended(self, process: _Process, code: int) -> None:
        self._running.remove(process)
        if process.checks:
            process.checks.end()
        # A container ends with its first process, whatever processes that one left behind.
        signal_group(process.pid, signal.SIGKILL)
        process.output.drain()
        tell({"event": "exited", "name": process.plan["name"], "code": code, "reason": None})
        name = process.plan["name"]
        if name in self._reached:
            self._reached[name] |= {"COMPLETE"} | ({"SUCCESS"} if code == 0 else set())
            if code != 0:
                self._give_up_on_those_waiting_for(name, code)
        if self._stopping:
            self._stop_those_due()
        else:
            self._start_containers()
        if not self._running:
            self._loop.stop()

    def _read_input(self) -> None:
        received = os.read(0, 4096)
        if not received:
            self._abandon()
        elif STOP in received:
            self._stopping = True
            self._stop_those_due()

    def _stop_those_due(self) -> None:
        """The proxy stops when nothing else runs, so that the last requests are still answered."""
        containers = [each for each in self._running if each is not self._proxy]
        for process in containers or self._running:
            if not process.stopping:
                process.stopping = True
                signal_group(process.pid, signal.SIGTERM)
                self._loop.call_later(process.plan["stop_timeout"], partial(self._kill, process))

    def _kill(self, process: _Process) -> None:
        if process in self._running:
            signal_group(process.pid, signal.SIGKILL)

    def _abandon(self) -> None:
        """The server is gone: kills everything, and exits only when everything is reaped."""
        self._loop.watch(0)
        for process in self._running:
            signal_group(process.pid, signal.SIGKILL)


def tell(event: Event) -> None:
    """Sends the server one event. If the server is gone the event is lost, and the task ends too,
    because its input has ended."""
    data = json.dumps(event).encode() + b"\n"
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return
