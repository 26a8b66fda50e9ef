"""Verdicts on what the strict ECS shows, polled while it tries.

Each story is polled 20 times a second of a clock on which a task starts in a tenth of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bivouac.diagnosis import service_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import ServiceFacts, Verdict
from localcloud.ecs.obstacles import CAPACITY, INTERNAL_ERROR, VCPU_LIMIT
from localcloud.strict import mock_account
from localcloud.tasks.scripted import Script as Scripted
from localcloud.tasks.scripted import (
    ScriptsInTurn,
    exits,
    healthy,
    in_turn,
    never_healthy,
    pull_failed,
    runs,
    unhealthy,
)
from tests.localcloud.strict_cloud import Cloud, health_check, web_container

IMAGE = "registry/web:1"
LOOK_EVERY = 0.05
DEADLINE = 10.0
"""Seconds of the test's clock: time for dozens of tries."""
AFTERWARDS = 1.0
"""Seconds for which a healthy service is polled: its past failures are no verdict."""
SLOW_PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): i/o timeout"
NO_IMAGE = "CannotPullContainerError: failed to resolve ref docker.io/library/nope:1: not found"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_account() as plane:
        yield Cloud(plane)


@dataclass
class Watched:
    """A service of one container, from its creation or update."""

    cloud: Cloud
    definition: dict[str, Any]
    deployment_id: str

    def facts(self) -> ServiceFacts:
        containers = tuple(self.definition["containerDefinitions"])
        return ServiceFacts(
            "web",
            self.deployment_id,
            self.definition["taskDefinitionArn"],
            any("healthCheck" in container for container in containers),
            containers,
            self.cloud.described(),
            tuple(self.cloud.tasks()),
            tuple(self.cloud.tasks("STOPPED")),
        )

    def verdict(self) -> Verdict | None:
        """The first one; None if the service becomes healthy, or at the deadline."""
        left = DEADLINE
        while left > 0:
            if found := service_verdicts.verdict(self.facts()):
                return found
            self.cloud.wait(LOOK_EVERY)
            left = min(left, AFTERWARDS) if self.is_ready else left
            left -= LOOK_EVERY
        return None

    @property
    def stops(self) -> int:
        return len([t for t in self.cloud.tasks("STOPPED") if t["startedBy"] == self.deployment_id])

    @property
    def is_ready(self) -> bool:
        moments = self.cloud.plane.ready_moments.values()
        return self.deployment_id in {deployment for each in moments for deployment, _ in each}


def registered(cloud: Cloud, **container: Any) -> dict[str, Any]:
    arn = cloud.task_definition(containerDefinitions=[web_container(**container)])
    found: dict[str, Any] = cloud.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return found


def created(
    cloud: Cloud, script: Scripted | ScriptsInTurn, *, checked: bool = False, **service: Any
) -> Watched:
    cloud.cluster()
    cloud.runtime.script(IMAGE, script)
    definition = registered(cloud, **({"healthCheck": health_check()} if checked else {}))
    made = cloud.service(**service)
    return Watched(cloud, definition, made["deployments"][0]["id"])


@pytest.mark.parametrize(
    ("script", "checked", "category", "stops"),
    [
        (pull_failed(NO_IMAGE), False, Category.IMAGE_PULL, 1),
        (pull_failed("CannotPullContainerError: no such host"), False, Category.IMAGE_PULL, 2),
        (exits(3, after=0.1), False, Category.EXIT, 2),
        (exits(0, after=0.1), False, Category.EXIT, 2),
        (exits(137, after=0.1, reason=OUT_OF_MEMORY), False, Category.OUT_OF_MEMORY, 2),
        (unhealthy(after=0.1), True, Category.HEALTH_CHECK, 2),
        (in_turn(exits(1), exits(137), exits(2)), False, Category.EXIT, 2),
    ],
    ids=["no image", "no registry", "exit 3", "exit 0", "memory", "health", "exits of any code"],
)
def test_a_permanent_failure_is_reported_after_two_tries_at_most(
    cloud: Cloud,
    script: Scripted | ScriptsInTurn,
    checked: bool,
    category: Category,
    stops: int,
) -> None:
    """H07, H10, H11, H20, H24."""
    web = created(cloud, script, checked=checked)
    verdict = web.verdict()
    assert verdict is not None
    assert (verdict.category, web.stops) == (category, stops)


def test_concurrent_tasks_count_as_one_try(cloud: Cloud) -> None:
    """H11, H24: the verdict comes with their first replacement that fails in the same way."""
    web = created(cloud, exits(1, after=0.1), desiredCount=3)
    verdict = web.verdict()
    assert verdict is not None
    assert 3 < web.stops <= 6


def test_a_missing_log_group_is_reported_at_the_second_try(cloud: Cloud) -> None:
    """H09: the request ids in ECS's text differ each time."""
    cloud.cluster()
    options = {
        "awslogs-group": "/nowhere",
        "awslogs-region": "ap-northeast-1",
        "awslogs-stream-prefix": "web",
    }
    definition = registered(cloud, logConfiguration={"logDriver": "awslogs", "options": options})
    web = Watched(cloud, definition, cloud.service()["deployments"][0]["id"])
    verdict = web.verdict()
    assert verdict is not None
    assert (verdict.category, web.stops) == (Category.LOG_GROUP, 2)


@pytest.mark.parametrize(
    ("reason", "category"),
    [(VCPU_LIMIT, Category.QUOTA), (INTERNAL_ERROR, Category.NETWORK)],
)
def test_a_refused_placement_is_reported_at_once(
    cloud: Cloud, reason: str, category: Category
) -> None:
    """H15, H16."""
    cloud.plane.obstacles.refuse_placement("web", reason)
    web = created(cloud, runs())
    verdict = web.verdict()
    assert verdict is not None
    assert verdict.category is category
    assert web.facts().service["deployments"][0]["failedTasks"] <= 1


def trusting(cloud: Cloud, service: str) -> str:
    """A new role that this service may assume; its ARN."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return str(
        cloud.iam.create_role(
            RoleName="late",
            AssumeRolePolicyDocument=str({"Statement": [statement]}).replace("'", '"'),
        )["Role"]["Arn"]
    )


def with_role(cloud: Cloud, role: str) -> Watched:
    cloud.cluster()
    arn = cloud.task_definition(taskRoleArn=role)
    definition = cloud.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return Watched(cloud, definition, cloud.service()["deployments"][0]["id"])


def test_a_role_that_ecs_cannot_assume_is_reported_at_the_second_try(cloud: Cloud) -> None:
    """H18, H25: ECS reports it once, and leaves no task."""
    web = with_role(cloud, trusting(cloud, "lambda.amazonaws.com"))
    verdict = web.verdict()
    assert verdict is not None
    assert verdict.category is Category.SECRET_OR_ROLE
    assert web.facts().service["deployments"][0]["failedTasks"] == 2


# --- no false verdicts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "checked", "count"),
    [
        (runs(after=3), False, 1),
        (in_turn(*[pull_failed(SLOW_PULL)] * 6, runs()), False, 1),
        (in_turn(exits(1, after=0.1), runs()), False, 1),
        (in_turn(*[exits(1, after=0.1)] * 3, runs()), False, 3),
        (in_turn(unhealthy(after=0.1), healthy(after=0.2)), True, 1),
        (in_turn(exits(1), pull_failed(SLOW_PULL), unhealthy(), healthy(after=0.1)), True, 1),
        (healthy(after=4), True, 2),
    ],
    ids=[
        "slow",
        "slow registry",
        "one exit",
        "one exit each",
        "unhealthy once",
        "everything once",
        "long start",
    ],
)
def test_a_temporary_failure_is_awaited(
    cloud: Cloud, script: Scripted | ScriptsInTurn, checked: bool, count: int
) -> None:
    """H05, H07, H11, H13, H20."""
    web = created(cloud, script, checked=checked, desiredCount=count)
    assert web.verdict() is None
    assert web.is_ready


def test_late_capacity_is_awaited(cloud: Cloud) -> None:
    """H14, H17."""
    cloud.plane.obstacles.refuse_placement("web", CAPACITY)
    web = created(cloud, runs())
    for _ in range(20):
        assert service_verdicts.verdict(web.facts()) is None
        cloud.wait(LOOK_EVERY)
    hindered = service_verdicts.hindrance(web.facts())
    assert hindered is not None
    assert hindered.category is Category.CAPACITY
    cloud.plane.obstacles.clear()
    assert web.verdict() is None
    assert web.is_ready
    assert service_verdicts.hindrance(web.facts()) is None


def test_a_slow_network_interface_is_awaited(cloud: Cloud) -> None:
    cloud.plane.obstacles.fail_provisioning("web")
    web = created(cloud, runs())
    for _ in range(20):
        assert service_verdicts.verdict(web.facts()) is None
        cloud.wait(LOOK_EVERY)
    cloud.plane.obstacles.clear()
    assert web.verdict() is None
    assert web.is_ready


def test_a_check_that_never_passes_fails_only_by_the_deadline(cloud: Cloud) -> None:
    """H20."""
    web = created(cloud, never_healthy(), checked=True)
    assert web.verdict() is None
    assert service_verdicts.hindrance(web.facts()) is None


# --- ECS gives up ---------------------------------------------------------------------------------

BREAKER: dict[str, Any] = {
    "deploymentConfiguration": {
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    }
}


@pytest.mark.parametrize(
    "look_at",
    [
        pytest.param(lambda web: web.verdict(), id="looked at all the time"),
        pytest.param(lambda web: late(web), id="looked at when all is over"),
    ],
)
def test_a_rolled_back_update_fails_with_its_original_reason(
    cloud: Cloud, look_at: Callable[[Watched], Verdict | None]
) -> None:
    """H02, H03: the old revision runs as if nothing had happened."""
    cloud.running_web(**BREAKER)
    cloud.runtime.script("registry/web:2", pull_failed(SLOW_PULL))
    definition = registered(cloud, image="registry/web:2")
    updated = cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
    web = Watched(cloud, definition, updated["service"]["deployments"][0]["id"])
    verdict = look_at(web)
    assert verdict is not None
    assert verdict.category is Category.IMAGE_PULL
    assert any("circuit breaker" in entry for entry in verdict.evidence)
    assert verdict.task in {task["taskArn"] for task in cloud.tasks("STOPPED")}


def late(web: Watched) -> Verdict | None:
    web.cloud.wait(DEADLINE)
    assert web.deployment_id not in [d["id"] for d in web.cloud.described()["deployments"]]
    return service_verdicts.verdict(web.facts())


def test_a_broken_first_deployment_fails_with_its_original_reason(cloud: Cloud) -> None:
    """H02: there is nothing to roll back to."""
    web = created(cloud, pull_failed(SLOW_PULL), **BREAKER)
    verdict = web.verdict()
    assert verdict is not None
    assert verdict.category is Category.IMAGE_PULL
    assert "ECS deployment circuit breaker: tasks failed to start." in verdict.evidence
