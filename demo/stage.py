"""Bivouac on a local cloud, and what a demo does with it: executions that a screen shows."""

from __future__ import annotations

import json
import time
from typing import Any

from demo.mesh_view.graph import Graph, failed, proven
from demo.mesh_view.reading import EnvironmentView
from demo.showing import Screen
from localcloud.cloud import LocalCloud
from localcloud.following import POLL_SECONDS, Ending, follow
from localcloud.template import Stack

LIMIT_SECONDS = 300.0
"""Of one execution."""
STARTS_WITHIN_SECONDS = 30.0
"""What an event starts."""


class Stage:
    """Raises TimeoutError where something does not end, or does not begin, in its time."""

    def __init__(self, cloud: LocalCloud, stack: Stack, screen: Screen) -> None:
        self.cloud = cloud
        self.screen = screen
        self.outputs = stack.outputs
        self._machines = cloud.client("stepfunctions")

    def execute(self, machine: str, content: Any, environment: str | None = None) -> Ending:
        """Start a machine ("CreateEnvironment") and show its execution to its end; with the graph
        of the environment, where it makes or changes one."""
        self.screen.title(_snake_case(machine))
        started = self._machines.start_execution(
            stateMachineArn=self._arn(machine), input=json.dumps(content)
        )
        return self.follow(started["executionArn"], environment)

    def started(self, machine: str, known: frozenset[str]) -> str:
        """The execution that something else has started, or will start in a moment."""
        end = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < end:
            if new := self.executions(machine) - known:
                return min(new)
            time.sleep(POLL_SECONDS)
        raise TimeoutError(
            f"no execution of {_snake_case(machine)} began in {STARTS_WITHIN_SECONDS:.0f} s"
        )

    def executions(self, machine: str) -> frozenset[str]:
        """ARNs of all of them."""
        listed = self._machines.list_executions(stateMachineArn=self._arn(machine))
        return frozenset(each["executionArn"] for each in listed["executions"])

    def follow(self, execution_arn: str, environment: str | None = None) -> Ending:
        """Show an execution to its end."""
        told = 0
        sight = self.environment(environment) if environment else None
        with self.screen.execution() as view:
            for timeline, ending in follow(self._machines, execution_arn, LIMIT_SECONDS):
                if ending:
                    view(timeline, _concluded(sight, ending))
                    break
                # What a state was left for is shown before the next one.
                news, told = len(timeline.story) > told, len(timeline.story)
                view(timeline, sight.look(at_once=news) if sight else None)
        if not ending:
            raise AssertionError("what is followed ends, or TimeoutError is raised")
        if not ending.succeeded:
            self.screen.failure(ending)
        return ending

    def proven(self, created: Ending) -> bool:
        """Show the proof of a create's ending; True if everything of it holds."""
        self.screen.title("Proven")
        proof, edges = created.output["proof"], created.output["edges"]
        self.screen.checks(proof)
        self.screen.edges(edges)
        held = all(entry["outcome"] != "NG" for entry in proof)
        return held and all(entry["state"] == "OK" for entry in edges)

    def receipt(self, deleted: Ending) -> None:
        self.screen.title("Receipt")
        self.screen.receipt(deleted.output)

    def environment(self, name: str) -> EnvironmentView:
        return EnvironmentView(
            self.cloud.client("ecs"),
            self.cloud.client("dynamodb"),
            self.outputs["EnvironmentsTableName"],
            name,
        )

    def _arn(self, machine: str) -> str:
        return self.outputs[f"{machine}StateMachineArn"]


def _snake_case(machine: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in machine)[1:]


def _concluded(environment: EnvironmentView | None, ending: Ending) -> Graph | None:
    graph = environment.graph if environment else None
    if graph is None:
        return None
    return proven(graph) if ending.succeeded else failed(graph, ending.cause)
