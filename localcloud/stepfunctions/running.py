"""Runs state machines while a local cloud is up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moto.stepfunctions.parser import models as parser_models

from localcloud.moto_changes.patching import all_patched
from localcloud.stepfunctions import api, interpreter, pace
from localcloud.stepfunctions import integrations as called
from localcloud.stepfunctions.executions import Execution, Machines
from localcloud.stepfunctions.integrations import Integrations


@contextmanager
def machines_run(
    integrations: Integrations, changed: Callable[[Execution], None], wait_scale: float
) -> Iterator[Machines]:
    """While entered, moto executes state machines. `changed` is called for each execution that has
    begun or ended; waits last `wait_scale` times as long (pace.py)."""
    machines = Machines()

    def note_change(execution: Execution) -> None:
        machines.note(execution)
        changed(execution)

    class RunningExecution(Execution):
        changed = staticmethod(note_change)

    patches = [
        (parser_models, "Execution", RunningExecution),
        *api.patches(),
        *interpreter.patches(),
        *pace.patches(wait_scale, machines.closing),
        *called.patches(integrations),
    ]
    # The interpreter logs every failure of an execution as a fault of its own.
    interpreter_log = logging.getLogger("moto.stepfunctions")
    level = interpreter_log.level
    interpreter_log.setLevel(logging.CRITICAL)
    try:
        with all_patched(patches):
            yield machines
    finally:
        interpreter_log.setLevel(level)
