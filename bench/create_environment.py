"""Bivouac's way: one execution of create_environment, and one of delete_environment."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import boto3

from bench.commands import Commands
from bench.figures import Creation, Deletion, Step, WayName
from bench.waiting import BenchError
from bench.ways import LIMIT, Stage, Tell
from localcloud.following import OVER, Timeline, history
from localcloud.template import Stack

STARTER_ACCESS_KEY_ID = "AKIABENCHMARKSTARTER"
ROLE_PREFIX = "ASIA"
"""Of temporary keys, as all roles have: the functions' and the state machines'."""
PROOF_REQUESTS = 3
"""How many requests the probe sends to an endpoint that answers at once (bivouac.probe)."""


@dataclass(frozen=True)
class _Execution:
    arn: str
    started_at: float
    ended_at: float
    output: dict[str, Any]
    transitions: int


class CreateEnvironment:
    name: WayName = "Bivouac"

    def __init__(self, stage: Stage, stack: Stack, request: dict[str, Any]) -> None:
        self._stage = stage
        self._stack = stack
        # In a namespace of its own: the tutorial's is the other way's, at the same time.
        self._request = {key: value for key, value in request.items() if key != "namespace"}
        (planned,) = request["services"]
        self._cluster = f"{stack.parameters['NamePrefix']}-{request['name']}"
        self._service: str = planned["serviceName"]
        self._commands = Commands({}, stage.stop)
        self._looking = stage.cloud.client("stepfunctions")
        self._starting = boto3.client(
            "stepfunctions",
            endpoint_url=stage.cloud.endpoint_url,
            region_name=stage.cloud.account.region,
            aws_access_key_id=STARTER_ACCESS_KEY_ID,
            aws_secret_access_key="benchmark",
        )

    def caller(self, access_key_id: str, /) -> bool:
        return access_key_id == STARTER_ACCESS_KEY_ID or access_key_id.startswith(ROLE_PREFIX)

    def create(self, round_number: int, tell: Tell) -> Creation:
        """Every function starts cold: nobody makes environments so often that they stay warm."""
        stage = self._stage
        self._end_warm_functions()
        tell("create_environment runs")
        execution = self._execute("CreateEnvironmentStateMachineArn", self._request)
        service_arn = stage.service_arn(self._cluster, self._service)
        return Creation(
            way=self.name,
            round=round_number,
            pull=stage.pull,
            started_at=execution.started_at,
            ready_at=stage.ready_moment(service_arn, execution.started_at),
            proven_at=execution.ended_at,
            proof=self._proof_alone(),
            calls=stage.calls.between(execution.started_at, execution.ended_at, self.caller),
            transitions=execution.transitions,
            steps=self._steps(execution.arn),
        )

    def delete(self, round_number: int, tell: Tell) -> Deletion:
        self._end_warm_functions()
        tell("delete_environment runs")
        execution = self._execute(
            "DeleteEnvironmentStateMachineArn",
            {"environment": self._request["name"], "reason": "end of the round"},
        )
        service_arn = self._stage.service_arn(self._cluster, self._service)
        return Deletion(
            round=round_number,
            started_at=execution.started_at,
            gone_at=self._stage.wait_until_gone(service_arn),
            receipt_at=execution.ended_at,
            calls=self._stage.calls.between(execution.started_at, execution.ended_at, self.caller),
            transitions=execution.transitions,
        )

    def _execute(self, machine: str, content: dict[str, Any]) -> _Execution:
        started_at = time.time()
        arn = self._starting.start_execution(
            stateMachineArn=self._stack.outputs[machine], input=json.dumps(content)
        )["executionArn"]
        self._stage.stop.until(lambda: self._describe(arn)["status"] in OVER, arn, LIMIT)
        ended = self._describe(arn)
        if ended["status"] != "SUCCEEDED":
            raise BenchError(f"{ended.get('error', ended['status'])}: {ended.get('cause', '')}")
        return _Execution(
            arn,
            started_at,
            ended["stopDate"].timestamp(),
            json.loads(ended["output"]),
            self._stage.cloud.execution(arn).state_transitions,
        )

    def _describe(self, arn: str) -> dict[str, Any]:
        described: dict[str, Any] = self._looking.describe_execution(executionArn=arn)
        return described

    def _steps(self, arn: str) -> tuple[Step, ...]:
        timeline = Timeline()
        timeline.add(history(self._looking, arn))
        return tuple(
            Step(state.name, state.kind, state.visits, state.first_entered, state.seconds)
            for state in timeline.states.values()
        )

    def _proof_alone(self) -> float:
        """As many requests as the proof needs, one after the other, by a client that is ready."""
        host = f"{self._service}.{self._cluster}.localhost"
        took = [
            self._commands.curl(self._stage.cloud.endpoint_url, host) for _ in range(PROOF_REQUESTS)
        ]
        if None in took:
            raise BenchError(f"{host} was proven, and does not answer")
        return sum(filter(None, took))

    def _end_warm_functions(self) -> None:
        workers = self._stage.cloud.workers
        for function in self._stack.functions.values():
            for process_id in workers.processes(function.name):
                os.kill(process_id, signal.SIGKILL)
