"""`make demo`: creates, proves and deletes one environment on the local cloud.

The real template, state machines and functions; real processes behind a real Envoy; no AWS.
Exits with 0 only if the environment was ready, every check held, and the receipt is complete.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from localcloud.cloud import LocalCloud
from localcloud.errors import CannotStartError
from localcloud.following import Ending, follow
from localcloud.mesh_view.graph import Graph, failed, proven
from localcloud.mesh_view.reading import EnvironmentView
from localcloud.showing import Screen
from localcloud.stack import TEMPLATE, endpoint_port, parameters, timings

CREATE_LIMIT_SECONDS = 300.0
DELETE_LIMIT_SECONDS = 180.0
INTERRUPTED = 130


class Demo:
    """One environment's life, told on a screen."""

    def __init__(self, cloud: LocalCloud, screen: Screen) -> None:
        self._cloud = cloud
        self._screen = screen
        self._outputs = cloud.deploy(TEMPLATE, parameters(cloud.account)).outputs
        self._machines = cloud.client("stepfunctions")

    def run(self, request: dict[str, Any]) -> bool:
        """True if everything held."""
        screen = self._screen
        screen.title("create_environment")
        created = self._execute(
            "CreateEnvironmentStateMachineArn",
            request,
            CREATE_LIMIT_SECONDS,
            self._environment_of(request),
        )
        if not created.succeeded:
            screen.failure(created)
            self._clean_up(request)
            return False
        if "proof" not in created.output:
            screen.title("The plan (a dry run creates nothing)")
            screen.line(json.dumps(created.output, indent=2))
            return True
        screen.title("Proven")
        proof, edges = created.output["proof"], created.output["edges"]
        screen.checks(proof)
        screen.edges(edges)
        held = all(entry["outcome"] != "NG" for entry in proof)
        held = held and all(entry["state"] == "OK" for entry in edges)
        return self._delete(created.output["environment"]) and held

    def _delete(self, environment: str) -> bool:
        screen = self._screen
        screen.title("delete_environment")
        deleted = self._execute(
            "DeleteEnvironmentStateMachineArn",
            {"environment": environment, "reason": "the demo is over"},
            DELETE_LIMIT_SECONDS,
        )
        if not deleted.succeeded:
            screen.failure(deleted)
            return False
        screen.title("Receipt")
        screen.receipt(deleted.output)
        return True

    def _clean_up(self, request: dict[str, Any]) -> None:
        """A failed create starts its own deletion, unless the request says keep: show it."""
        running = self._machines.list_executions(
            stateMachineArn=self._outputs["DeleteEnvironmentStateMachineArn"]
        )["executions"]
        if not running:
            return
        self._screen.title("delete_environment, started by the failure")
        deleted = self._follow(running[0]["executionArn"], DELETE_LIMIT_SECONDS)
        if deleted.succeeded:
            self._screen.title("Receipt")
            self._screen.receipt(deleted.output)
        else:
            self._screen.failure(deleted)

    def _environment_of(self, request: Any) -> EnvironmentView | None:
        """None where the request does not even name one: it will be refused."""
        name = request.get("name") if isinstance(request, dict) else None
        if not isinstance(name, str) or not name:
            return None
        return EnvironmentView(
            self._cloud.client("ecs"),
            self._cloud.client("dynamodb"),
            self._outputs["EnvironmentsTableName"],
            name,
        )

    def _execute(
        self,
        machine: str,
        content: dict[str, Any],
        limit_seconds: float,
        environment: EnvironmentView | None = None,
    ) -> Ending:
        started = self._machines.start_execution(
            stateMachineArn=self._outputs[machine], input=json.dumps(content)
        )
        return self._follow(started["executionArn"], limit_seconds, environment)

    def _follow(
        self, execution_arn: str, limit_seconds: float, environment: EnvironmentView | None = None
    ) -> Ending:
        told = 0
        with self._screen.execution() as view:
            for timeline, ending in follow(self._machines, execution_arn, limit_seconds):
                if ending:
                    view(timeline, _concluded(environment, ending))
                    return ending
                # What a state was left for is shown before the next one.
                news, told = len(timeline.story) > told, len(timeline.story)
                view(timeline, environment.look(at_once=news) if environment else None)
        raise AssertionError("what is followed ends, or TimeoutError is raised")


def _concluded(environment: EnvironmentView | None, ending: Ending) -> Graph | None:
    graph = environment.graph if environment else None
    if graph is None:
        return None
    return proven(graph) if ending.succeeded else failed(graph, ending.cause)


def main(arguments: list[str], screen: Screen) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        request = json.loads(Path(arguments[0]).read_text())
    except (OSError, ValueError) as error:
        screen.line(f"{arguments[0]} is not a request that can be read: {error}", "red")
        return 2
    began = time.monotonic()
    try:
        with ExitStack() as parts:
            with screen.waiting("Starting the local cloud and deploying template.yaml to it"):
                cloud = parts.enter_context(LocalCloud(timings=timings(), port=endpoint_port()))
                demo = Demo(cloud, screen)
            screen.line(cloud.isolation)
            held = demo.run(request)
    except (CannotStartError, TimeoutError) as error:
        screen.line(f"{error}. Nothing is left running.", "red")
        return 1
    except KeyboardInterrupt:
        screen.line("Interrupted. Nothing is left running.", "yellow")
        return INTERRUPTED
    seconds = time.monotonic() - began
    verdict = "Everything held" if held else "Not everything held"
    screen.line(f"{verdict}, in {seconds:.0f} s. Nothing is left running.", "bold")
    return 0 if held else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Screen()))
