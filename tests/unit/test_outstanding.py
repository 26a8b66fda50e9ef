"""What a poll still waits for, and when reading tasks is worthwhile."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.services.convergence import Blocked, Condition, Need
from bivouac.services.deployments import Expected
from bivouac.waiting.conditions import outstanding
from bivouac.waiting.wait import Awaited, Purpose, Stage, TaskEvent, worth_polling

EXPECTED = [Expected(name, f"{name}:1", f"ecs-svc/{name}") for name in ("web", "bivouac-proof-1-1")]


def service(name: str, running: int = 0, **primary: Any) -> dict[str, Any]:
    deployment = {"id": f"ecs-svc/{name}", "status": "PRIMARY", "runningCount": running, **primary}
    return {
        "serviceName": name,
        "status": "ACTIVE",
        "desiredCount": 1,
        "deployments": [deployment],
    }


def services(**running: int) -> dict[str, dict[str, Any]]:
    names = {"web": "web", "proof": "bivouac-proof-1-1"}
    return {names[short]: service(names[short], count) for short, count in running.items()}


def awaited(seen: dict[str, dict[str, Any]]) -> Awaited:
    return outstanding.awaited(EXPECTED, [], [], seen, {}, {})


def test_an_endless_proof_client_does_not_delay_the_other_services() -> None:
    """An edge that is never answered must get its verdict although its task never ends."""
    runs = {"t1": TaskEvent("web", Stage.RUNNING, 4)}
    assert worth_polling(Purpose.SERVICES, awaited(services(web=0, proof=0)), runs)


def test_nothing_is_read_while_tasks_start() -> None:
    assert not awaited(services(web=0, proof=0)).has_come
    assert not awaited(services(web=0, proof=1)).has_come
    assert awaited(services(web=1, proof=0)).has_come


@pytest.mark.parametrize(
    "primary",
    [{"failedTasks": 1}, {"rolloutState": "FAILED"}, {"id": "ecs-svc/another"}],
    ids=["failed tasks", "failed rollout", "another deployment"],
)
def test_failures_are_read_at_once(primary: dict[str, Any]) -> None:
    """H02, H03, H05."""
    seen = services(web=0, proof=0) | {"web": service("web", **primary)}
    assert outstanding.went_wrong(EXPECTED, seen)


def test_each_dependency_is_awaited_separately() -> None:
    blocked = [
        Blocked("shop", (Need("web", Condition.HEALTHY),)),
        Blocked("late", (Need("shop", Condition.HEALTHY),)),
    ]
    condition_sets = outstanding.condition_sets(
        [*EXPECTED, Expected("api", "api:1", "ecs-svc/api")], blocked
    )
    assert frozenset({"web"}) in condition_sets
    assert frozenset({"shop"}) not in condition_sets, "it does not exist yet"
