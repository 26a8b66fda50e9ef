"""Bivouac's way: one execution of create_environment, and one of delete_environment."""

from __future__ import annotations

from typing import Any

from bench import executions
from bench.commands import Commands
from bench.executions import Executions
from bench.figures import Creation, Deletion, WayName
from bench.waiting import BenchError
from bench.ways import LIMIT, Stage, Tell
from localcloud.template import Stack

PROOF_REQUESTS = 8
"""How many requests the probe sends to an endpoint that answers at once (bivouac.proof.probe)."""


class CreateEnvironment:
    name: WayName = "Bivouac"

    def __init__(self, stage: Stage, stack: Stack, request: dict[str, Any]) -> None:
        self._stage = stage
        # In a different namespace: the other way uses the tutorial's at the same time.
        self._request = {key: value for key, value in request.items() if key != "namespace"}
        (planned,) = request["services"]
        self._cluster = f"{stack.parameters['NamePrefix']}-{request['name']}"
        self._service: str = planned["serviceName"]
        self._commands = Commands({}, stage.stop)
        self._executions = Executions(stage.cloud, stack, stage.stop, LIMIT)

    def caller(self, access_key_id: str, /) -> bool:
        return executions.caller(access_key_id)

    def create(self, round_number: int, tell: Tell) -> Creation:
        stage = self._stage
        self._executions.end_warm_functions()
        tell("create_environment runs")
        execution = self._executions.succeeded("CreateEnvironment", self._request)
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
            steps=self._executions.steps(execution.arn),
        )

    def delete(self, round_number: int, tell: Tell) -> Deletion:
        self._executions.end_warm_functions()
        tell("delete_environment runs")
        execution = self._executions.succeeded(
            "DeleteEnvironment",
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

    def _proof_alone(self) -> float:
        """As many requests as the proof needs, one after the other, by a client that is ready."""
        host = f"{self._service}.{self._cluster}.localhost"
        took = [
            self._commands.curl(self._stage.cloud.endpoint_url, host) for _ in range(PROOF_REQUESTS)
        ]
        if None in took:
            raise BenchError(f"{host} was proven, and does not answer")
        return sum(filter(None, took))
