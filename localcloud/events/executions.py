"""Step Functions' own events: an execution has begun or ended."""

from __future__ import annotations

import json
from datetime import datetime

from localcloud.account import Account
from localcloud.clock import Clock
from localcloud.endpoint.locks import ServiceLocks
from localcloud.events.rules import publish, service_event
from localcloud.stepfunctions.executions import Execution, redriving


class ExecutionEvents:
    """Publishes "Step Functions Execution Status Change" on the default bus."""

    def __init__(self, account: Account, clock: Clock, locks: ServiceLocks) -> None:
        self._account = account
        self._clock = clock
        self._lock = locks.of("events")

    def __call__(self, execution: Execution) -> None:
        ended = execution.exec_status.value == "SUCCEEDED"
        detail = {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "name": execution.name,
            "status": execution.exec_status.value,
            "startDate": _milliseconds(execution.start_date),
            "stopDate": _milliseconds(execution.stop_date),
            "input": json.dumps(execution.input_data),
            "output": json.dumps(execution.output) if ended else None,
            "stateMachineVersionArn": None,
            "stateMachineAliasArn": None,
            "redriveDate": None,
            **redriving(execution),
            "inputDetails": {"included": True},
            "outputDetails": {"included": True} if ended else None,
            "error": execution.error,
            "cause": execution.cause,
        }
        event = service_event(
            self._account.account_id,
            self._account.region,
            source="aws.states",
            detail_type="Step Functions Execution Status Change",
            detail=detail,
            resources=[execution.exec_arn],
            time=self._clock.now(),
        )
        with self._lock:
            publish(event)


def _milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None
