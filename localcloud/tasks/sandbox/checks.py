"""Runs a container's health check repeatedly inside its sandbox."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping

from .health import HealthJudge, Status
from .loop import Loop
from .protocol import HealthPlan
from .spawn import CannotStartError, signal_group, spawn

OnStatus = Callable[[Status], None]


class HealthChecks:
    """Runs the command every `interval` seconds until it is ended."""

    def __init__(
        self,
        loop: Loop,
        plan: HealthPlan,
        environment: Mapping[str, str],
        on_status: OnStatus,
        *,
        in_namespace: bool,
    ) -> None:
        self._loop = loop
        self._plan = plan
        self._environment = environment
        self._on_status = on_status
        self._in_namespace = in_namespace
        self._judge = HealthJudge(plan["retries"], plan["start_period"])
        self._began = time.monotonic()
        self._ended = False
        self._current: int | None = None
        loop.call_later(plan["interval"], self._check)

    def end(self) -> None:
        self._ended = True
        if self._current is not None:
            signal_group(self._current, signal.SIGKILL)

    def _check(self) -> None:
        if self._ended:
            return
        # A health check's output is shown nowhere, as on ECS.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            child = spawn(
                self._plan["argv"], self._environment, nowhere, in_namespace=self._in_namespace
            )
        except CannotStartError:
            self._answered(False)
            return
        finally:
            os.close(nowhere)
        self._current = child
        self._loop.when_ended(child, lambda code: self._answered(code == 0))
        self._loop.call_later(self._plan["timeout"], lambda: self._out_of_time(child))

    def _out_of_time(self, child: int) -> None:
        if self._current == child:
            signal_group(child, signal.SIGKILL)

    def _answered(self, passed: bool) -> None:
        self._current = None
        if self._ended:
            return
        status = self._judge.judge(passed, time.monotonic() - self._began)
        if status is not None:
            self._on_status(status)
        self._loop.call_later(self._plan["interval"], self._check)
