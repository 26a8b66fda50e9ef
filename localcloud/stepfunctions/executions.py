"""An execution that can be stopped at any time, and the list of those that run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.backend import execution as moto_execution
from moto.stepfunctions.parser.utils import TMP_THREADS

from localcloud.stepfunctions.moments import iso_text

BEGUN_WITHIN = 10.0
"""Seconds from StartExecution to its first state, on a busy machine."""


class Execution(moto_execution.Execution):
    """An execution that can be stopped at any time, and reports when it begins and ends."""

    changed: Callable[[Execution], None]
    exec_status: ExecutionStatus

    def start(self) -> None:
        # Reported before its thread starts, because that may end a moment later.
        self.exec_status = ExecutionStatus.RUNNING
        self.changed(self)
        super().start()

    def stop(self, stop_date: datetime, error: str | None, cause: str | None) -> None:
        """ABORTED from now on; what still runs has no effect on the execution."""
        environment = self._begun()
        if not self._end(ExecutionStatus.ABORTED, error, cause):
            return
        details = {"error": error, "cause": cause}
        # It follows no state (localstack/localstack@8b9a79f, test_sfn_api.snapshot.json, 2024-05).
        environment.event_history_context.source_event_id = 0
        add_last_event(
            environment,
            HistoryEventType.ExecutionAborted,
            executionAbortedEventDetails={k: v for k, v in details.items() if v is not None},
        )
        environment.set_stop(stop_date=stop_date, error=error, cause=cause)
        for endpoint in list(environment.callback_pool_manager._pool.values()):
            endpoint.interrupt_all()
        self.changed(self)

    def _begun(self) -> Environment:
        """The interpreter reads the definition first, which takes some milliseconds; it cannot stop
        then."""
        until = time.monotonic() + BEGUN_WITHIN
        while time.monotonic() < until:
            environment = self.exec_worker.env
            if environment is not None and environment.program_state() is not None:
                return environment
            time.sleep(0.002)
        raise RuntimeError(f"{self.exec_arn} has not begun within {BEGUN_WITHIN} s")

    def _end(self, status: ExecutionStatus, error: str | None, cause: str | None) -> bool:
        """False if it has ended before."""
        with self.exec_worker.env._state_mutex:
            if self.exec_status != ExecutionStatus.RUNNING:
                return False
            self.stop_date = datetime.now(UTC)
            self.exec_status, self.error, self.cause = status, error, cause
            return True

    def _get_start_execution_worker_comm(self) -> _Ended:
        return _Ended(self)

    def get_start_execution_details(self) -> Any:
        """With the start as text, because the context object is JSON and cannot hold a datetime."""
        details = super().get_start_execution_details()
        details.start_time = iso_text(self.start_date)
        return details

    @property
    def state_transitions(self) -> int:
        """Billed transitions so far: every state entered, every retry of one."""
        events = self.exec_worker.env.event_manager.get_event_history()
        kinds = [str(event["type"].value) for event in events]
        entered = sum(kind.endswith("StateEntered") for kind in kinds)
        tasks = kinds.count("TaskStateEntered")
        tried = kinds.count("TaskScheduled") + kinds.count("LambdaFunctionScheduled")
        return entered + max(0, tried - tasks)


class _Ended(moto_execution.BaseExecutionWorkerCommunication):
    """Called when the interpreter has finished."""

    def terminated(self) -> None:
        execution: Execution = self.execution
        environment = execution.exec_worker.env
        with environment._state_mutex:
            if execution.exec_status != ExecutionStatus.RUNNING:
                return
            self._reflect_execution_status()
        if execution.exec_status == ExecutionStatus.TIMED_OUT:
            add_last_event(
                environment,
                HistoryEventType.ExecutionTimedOut,
                executionTimedOutEventDetails={},
            )
        execution.changed(execution)


def add_last_event(environment: Environment, kind: HistoryEventType, **details: Any) -> None:
    environment.event_manager.add_event(
        context=environment.event_history_context,
        event_type=kind,
        event_details=EventDetails(**details),
    )


def redriving(execution: Execution) -> dict[str, Any]:
    """Whether it could be redriven: members of DescribeExecution and of its events (recorded, see
    tests/recorded/stepfunctions-status-events.json; which endings can be is in the API reference,
    RedriveExecution)."""
    status = execution.exec_status.value
    can_be = status in ("FAILED", "TIMED_OUT", "ABORTED")
    return {
        "redriveCount": 0,
        "redriveStatus": "REDRIVABLE" if can_be else "NOT_REDRIVABLE",
        "redriveStatusReason": None if can_be else f"Execution is {status} and cannot be redriven",
    }


def execution_of(account_id: str, region: str, arn: str) -> Execution:
    """The execution with this ARN; raises moto's ExecutionDoesNotExist."""
    backend = parser_models.stepfunctions_parser_backends[account_id][region]
    execution: Execution = backend.describe_execution(arn)
    return execution


class Machines:
    """Every running execution, so that all can be stopped with the local cloud."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._running: set[Execution] = set()

    def note(self, execution: Execution) -> None:
        if execution.exec_status == ExecutionStatus.RUNNING:
            self._running.add(execution)
        else:
            self._running.discard(execution)

    @property
    def running(self) -> int:
        return len(self._running)

    def stop(self) -> None:
        """Aborts what runs; a Lambda invocation goes on until its worker ends."""
        self.closing.set()
        for execution in list(self._running):
            execution.stop(datetime.now(UTC), error=None, cause="the local cloud ends")

    def join(self) -> None:
        """Waits for the interpreter's threads."""
        for thread in TMP_THREADS:
            thread.join(timeout=5)
        TMP_THREADS.clear()
