"""The first create after quiet weeks, and one in an account with low concurrency."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.requests import environment
from tests.workflow.application import Application, Ended

pytestmark = pytest.mark.xdist_group("workflow-life")


def refusals(execution: Ended) -> Counter[str]:
    """What Lambda itself answered instead of running a function, and how often."""
    details = ("lambdaFunctionFailedEventDetails", "taskFailedEventDetails")
    return Counter(
        event[kind]["error"] for event in execution.events for kind in details if kind in event
    )


def test_an_idle_function_is_awaited(app: Application, name: str) -> None:
    """Lambda needs about a minute for the private probe's network interfaces; the environment is
    healthy meanwhile, and would have been deleted."""
    functions = app.stack.functions
    for idle in functions.values():
        app.cloud.workers.obstacles.leave_idle(idle)

    created = app.create(environment(name=name)).succeeded()

    counted = refusals(created)
    assert functions["ProbePrivateAddressesFunction"].vpc is not None
    assert counted["Lambda.ResourceNotReadyException"] == 1
    assert counted["Lambda.ResourceConflictException"] > 1
    assert counted["Lambda.CodeArtifactUserPendingException"] > 5
    assert set(counted) == {
        "Lambda.ResourceNotReadyException",
        "Lambda.ResourceConflictException",
        "Lambda.CodeArtifactUserPendingException",
    }
    app.cloud.workers.obstacles.clear()


def test_throttling_is_retried(app: Application, name: str) -> None:
    """More often than a step is retried for anything else."""
    functions = app.stack.functions
    for busy in ("CheckRequestFunction", "WaitForChangeFunction", "MarkReadyFunction"):
        app.cloud.workers.obstacles.throttle(functions[busy], refusals=8)

    created = app.create(environment(name=name)).succeeded()

    assert refusals(created) == {"Lambda.TooManyRequestsException": 24}
