"""Bivouac as its users see it: executions of its state machines, from start to end."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from typing import Any, Literal

import boto3

from bench.figures import Step
from bench.waiting import BenchError, Stop
from localcloud.cloud import LocalCloud
from localcloud.credentials import user_keys
from localcloud.following import OVER, history, state_visits
from localcloud.stack import TEMPLATE, parameters
from localcloud.tasks import scripted
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.template import Stack

STARTER = user_keys()
ROLE_PREFIX = "ASIA"
"""The prefix of temporary keys, which all roles have: the functions' and the state machines'."""

Machine = Literal["CreateEnvironment", "DeleteEnvironment", "SleepEnvironment", "WakeEnvironment"]


@dataclass(frozen=True)
class Execution:
    arn: str
    started_at: float
    """Seconds since the epoch, as `ended_at`."""
    ended_at: float
    status: str
    output: dict[str, Any]
    failure: str
    """Error and cause; empty if it succeeded."""
    transitions: int
    """Billed: every state entered, every retry."""


def caller(access_key_id: str, /) -> bool:
    """Whether a call with this access key is one of Bivouac's."""
    return access_key_id == STARTER.access_key_id or access_key_id.startswith(ROLE_PREFIX)


def deployed(cloud: LocalCloud, stop: Stop, limit: float) -> Executions:
    """Those of a new stack in a local cloud with scripted tasks, whose proof clients prove."""
    stack = cloud.deploy(TEMPLATE, parameters(cloud.account))
    assert isinstance(cloud.runtime, ScriptedRuntime)
    cloud.runtime.script(stack.parameters["ProofImage"], scripted.proof_client)
    return Executions(cloud, stack, stop, limit)


class Executions:
    """The executions of one deployed stack."""

    def __init__(self, cloud: LocalCloud, stack: Stack, stop: Stop, limit: float) -> None:
        self._cloud = cloud
        self.stack = stack
        self._stop = stop
        self._limit = limit
        self._looking = cloud.client("stepfunctions")
        cloud.credentials.admit(STARTER)
        self._starting = boto3.client(
            "stepfunctions",
            endpoint_url=cloud.endpoint_url,
            region_name=cloud.account.region,
            aws_access_key_id=STARTER.access_key_id,
            aws_secret_access_key=STARTER.secret_access_key,
        )

    def start(self, machine: Machine, content: dict[str, Any]) -> tuple[str, float]:
        """The execution's ARN, and the time just before its start."""
        started_at = time.time()
        arn = self._starting.start_execution(
            stateMachineArn=self.stack.outputs[f"{machine}StateMachineArn"],
            input=json.dumps(content),
        )["executionArn"]
        return arn, started_at

    def ended(self, arn: str, started_at: float) -> Execution:
        """Waits until it is over, however it ends. Raises BenchError, StoppedError."""
        self._stop.until(lambda: self._describe(arn)["status"] in OVER, arn, self._limit)
        ended = self._describe(arn)
        failed = ended["status"] != "SUCCEEDED"
        return Execution(
            arn,
            started_at,
            ended["stopDate"].timestamp(),
            ended["status"],
            json.loads(ended.get("output", "{}")),
            f"{ended.get('error', ended['status'])}: {ended.get('cause', '')}" if failed else "",
            self._cloud.execution(arn).state_transitions,
        )

    def succeeded(self, machine: Machine, content: dict[str, Any]) -> Execution:
        """Starts it and waits for it. Raises BenchError if it fails, and StoppedError."""
        execution = self.ended(*self.start(machine, content))
        if execution.failure:
            raise BenchError(execution.failure)
        return execution

    def of(self, machine: Machine) -> list[str]:
        """ARNs of all executions of a machine, whoever started them."""
        pages = self._looking.get_paginator("list_executions").paginate(
            stateMachineArn=self.stack.outputs[f"{machine}StateMachineArn"]
        )
        return [each["executionArn"] for page in pages for each in page["executions"]]

    def steps(self, arn: str) -> tuple[Step, ...]:
        return tuple(
            Step(state.name, state.kind, state.visits, state.first_entered, state.seconds)
            for state in state_visits(history(self._looking, arn))
        )

    def end_warm_functions(self) -> None:
        """Makes every function start cold: nobody creates environments so often that they stay
        warm."""
        for function in self.stack.functions.values():
            for process_id in self._cloud.workers.processes(function.name):
                os.kill(process_id, signal.SIGKILL)

    def _describe(self, arn: str) -> dict[str, Any]:
        described: dict[str, Any] = self._looking.describe_execution(executionArn=arn)
        return described
