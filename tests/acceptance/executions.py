"""Starts executions of the stack's machines and waits for their end, polling the environment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .deployed import Aws, Deployed

Json = dict[str, Any]

Found = TypeVar("Found")

OVER = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class StepFailedError(Exception):
    """A step of the story did not end as it must, so the story cannot go on."""


@dataclass(frozen=True)
class Ended:
    arn: str
    status: str
    output: Any
    error: str
    cause: str

    def must_have(self, status: str) -> None:
        """Raises StepFailedError."""
        if self.status != status:
            raise StepFailedError(
                f"{self.arn} is {self.status}, not {status}\n{self.error}\n{self.cause}"
            )


class Executions:
    def __init__(
        self, aws: Aws, stack: Deployed, look: Callable[[], object], every: float, limit: float
    ) -> None:
        """`look` is called every `every` seconds during a wait of at most `limit` seconds."""
        self._machines = aws.client("stepfunctions")
        self._stack = stack
        self._look, self._every, self._limit = look, every, limit

    def run(self, verb: str, content: Json, name: str) -> Ended:
        """Runs a machine ("CreateEnvironment") to its end. Raises StepFailedError."""
        started = self._machines.start_execution(
            stateMachineArn=self._stack.machine(verb), name=name, input=json.dumps(content)
        )
        return self.ended(started["executionArn"])

    def ended(self, arn: str) -> Ended:
        return self.until(lambda: self._ending(arn), f"the end of {arn}")

    def _ending(self, arn: str) -> Ended | None:
        status = self._machines.describe_execution(executionArn=arn)
        if status["status"] not in OVER:
            return None
        output = json.loads(status["output"]) if status.get("output") else None
        return Ended(
            arn, status["status"], output, status.get("error", ""), status.get("cause", "")
        )

    def until(self, find: Callable[[], Found | None], what: str) -> Found:
        """What `find` finds in the end. Raises StepFailedError after the limit."""
        end = time.monotonic() + self._limit
        while time.monotonic() < end:
            found = find()
            self._look()
            if found is not None:
                return found
            time.sleep(self._every)
        raise StepFailedError(f"{what} did not come within {self._limit:.0f} s")

    def started_by_others(self, verb: str, beginning: str) -> str | None:
        """The ARN of the newest execution of a machine whose name begins like this."""
        listed = self._machines.list_executions(stateMachineArn=self._stack.machine(verb))
        arns = [
            each["executionArn"]
            for each in listed["executions"]
            if each["name"].startswith(beginning)
        ]
        return arns[0] if arns else None

    def history(self, arn: str) -> None:
        """Reads an execution's history, for the judges."""
        pages = self._machines.get_paginator("get_execution_history")
        for _ in pages.paginate(executionArn=arn, maxResults=1000):
            pass

    def stop(self, arn: str) -> None:
        self._machines.stop_execution(executionArn=arn)
