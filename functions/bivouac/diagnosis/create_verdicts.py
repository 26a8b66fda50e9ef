"""Verdicts on a failed create, from its execution's state. Pure but for what it is given to
read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from bivouac.aws.lambda_answers import message_of
from bivouac.aws.stepfunctions_answers import caught
from bivouac.diagnosis import endpoint_verdicts, report, service_verdicts
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint
from bivouac.json_types import Json
from bivouac.proof.check import Check
from bivouac.services.deployments import Expected, Observed
from bivouac.services.progress import CreateProgress, NextStep

Read = Callable[[Sequence[Expected]], Mapping[str, Observed]]
"""The services of these deployments and their tasks now, as far as ECS answers."""


def of(state: Json, blueprint: Blueprint, read: Read) -> tuple[str, list[Verdict]]:
    """The error's name, and a verdict on each thing that failed.

    No verdict when the step's error explains itself. Where endpoints did not answer, their tasks
    are read: they may have stopped since."""
    if "failure" in state:
        refused = service_verdicts.of_refusal(state["environment"], message(state["failure"]))
        return caught(state["failure"])[0], [refused] if refused else []
    progress = CreateProgress.from_json(state["progress"])
    match progress.status:
        case NextStep.FAILED:
            verdicts = [Verdict.from_json(entry) for entry in progress.verdicts or ()]
            return str(progress.error), verdicts
        case NextStep.HEALTHY:
            failed = _not_proven(state["probes"])
            expected = progress.expected
            found = endpoint_verdicts.verdicts(blueprint, expected, failed, read(expected))
            return "ConnectivityError", found
        case _:
            return "DeploymentFailedError", [_out_of_time(state, progress)]


def message(failure: Json) -> str:
    """The failed step's own message; a step that timed out has none."""
    error, cause = caught(failure)
    return message_of(cause) or f"A step timed out: {error}."


def although_ready(state: Json) -> str:
    """The cause when a step after the proof failed."""
    ready = f"The environment {state['environment']} is READY, and its proof is in the record."
    if "failure" not in state:
        return ready
    return report.together(ready, f"A step after that failed: {message(state['failure'])}")


def _not_proven(probes: Json) -> dict[str, list[Check]]:
    """What the probes say of endpoints that are not proven, by service."""
    failed: dict[str, list[Check]] = defaultdict(list)
    for probed in probes.values():
        for check in map(Check.from_json, probed["checks"]):
            if check.is_ng:
                failed[check.service].append(check)
    return failed


def _out_of_time(state: Json, progress: CreateProgress) -> Verdict:
    """On a create that still had something to do at the deadline, or got no answer."""
    environment, blocked = state["environment"], [str(entry) for entry in progress.blocked]
    if "quiet" in state:
        return service_verdicts.unanswered(environment, state["deadline"], blocked)
    return service_verdicts.out_of_time(environment, [*blocked, service_verdicts.MORE_TO_DO], [])
