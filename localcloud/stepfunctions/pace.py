"""How long states wait: scaled by the timings, and ended at once by a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import Timeout
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from localcloud.moto_changes.patching import Patch

STOP_NOTICED_WITHIN = 0.25
"""Seconds until a waiting state notices that its execution was stopped."""
END_OF_CHILD_NOTICED_WITHIN = 0.05
"""Seconds until a state that runs another execution notices that it is over."""


def patches(wait_scale: float, closing: threading.Event) -> Iterator[Patch]:
    """Wait states, retries and the time-outs of tasks that wait for a token last `wait_scale` times
    as long; a retry ends when the local cloud is `closing`."""

    def sleep(seconds: float) -> None:
        closing.wait(seconds * wait_scale)

    from_state_props = _from_state_props_of(StateTaskService.from_state_props, wait_scale)
    yield WaitFunction, "_wait_interval", _wait_interval_of(wait_scale)
    yield StateTaskService, "from_state_props", from_state_props
    yield retrier_decl, "time", SimpleNamespace(sleep=sleep)
    yield (
        state_task_service_callback,
        "_DELAY_SECONDS_SYNC_CONDITION_CHECK",
        END_OF_CHILD_NOTICED_WITHIN,
    )


def _wait_interval_of(wait_scale: float) -> Callable[..., None]:
    def _wait_interval(self: WaitFunction, env: Environment, wait_seconds: float) -> None:
        """moto waits whole seconds and can miss that it was stopped."""
        until = time.monotonic() + wait_seconds * wait_scale
        while env.is_running() and (remaining := until - time.monotonic()) > 0:
            env.program_state_event.wait(min(remaining, STOP_NOTICED_WITHIN))

    return _wait_interval


class _ScaledTimeout(Timeout):
    """For a task that waits for its token: it runs nothing that would need the real time."""

    def __init__(self, timeout: Timeout, scale: float) -> None:
        super().__init__()
        self._timeout = timeout
        self._scale = scale

    def is_default_value(self) -> bool:
        return bool(self._timeout.is_default_value())

    def _eval_seconds(self, env: Environment) -> float:
        return float(self._timeout._eval_seconds(env)) * self._scale


def _from_state_props_of(original: Callable[..., None], scale: float) -> Callable[..., None]:
    def from_state_props(self: StateTaskService, state_props: Any) -> None:
        original(self, state_props)
        if self.resource.condition == ResourceCondition.WaitForTaskToken:
            self.timeout = _ScaledTimeout(self.timeout, scale)

    return from_state_props
