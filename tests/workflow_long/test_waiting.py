"""Events resume an execution, and it ends even if they are lost, late or repeated."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from localcloud.events.delivery import Delivery, undisturbed
from tests.requests import environment, web
from tests.workflow.application import Application, Ended

pytestmark = pytest.mark.xdist_group("workflow-life")

OF_ECS = "aws.ecs"
CYCLE_OF_ONE_SERVICE = 36
"""Billed state transitions: create, prove, delete, with the receipt."""
AFTER_A_TIME_OUT = 3
"""The choice whether there is time, the step before the wait, and the wait again. A time-out is a
hundredth of itself here, so a busy machine may be too slow for one: then it is not the events that
cost something."""
EACH_FURTHER_SERVICE = 8


@pytest.fixture
def disturbed(app: Application) -> Iterator[Application]:
    """For tests that let EventBridge be as bad as it may be."""
    yield app
    app.cloud.deliveries.disturbance = undisturbed
    app.cloud.control_plane.read_lag = 0.0


def transitions(*executions: Ended) -> int:
    """All of them, without the cost of waits' time-outs."""
    ran_out = sum(event["type"] == "TaskTimedOut" for each in executions for event in each.events)
    return sum(each.transitions for each in executions) - AFTER_A_TIME_OUT * ran_out


def lives(app: Application, name: str, image: str = "nginx") -> int:
    """Create, delete; nothing is left. The transitions of both."""
    container = {"image": image, "containerPort": 80}
    created = app.create(environment(web(primaryContainer=container), name=name)).succeeded()
    deleted = app.delete(name).succeeded()
    assert app.left(name) == []
    return transitions(created, deleted)


class TestEvents:
    def test_no_event_arrives(self, disturbed: Application, name: str) -> None:
        """W02: the time-out of the wait is the safety poll."""

        def lost(delivery: Delivery) -> Sequence[float]:
            return () if _is_of_ecs(delivery) else (0.0,)

        disturbed.cloud.deliveries.disturbance = lost
        lives(disturbed, name)

    def test_each_event_arrives_twice_late_and_in_any_order(
        self, disturbed: Application, name: str
    ) -> None:
        """W01: at least once, unordered."""
        chance = random.Random(name)

        def shuffled(delivery: Delivery) -> Sequence[float]:
            if not _is_of_ecs(delivery):
                return (0.0,)
            return [chance.uniform(0, 30) for _ in range(chance.randint(1, 3))]

        disturbed.cloud.deliveries.disturbance = shuffled
        assert lives(disturbed, name) <= CYCLE_OF_ONE_SERVICE

    def test_reads_lag_behind_the_event(self, disturbed: Application, name: str) -> None:
        """S18, W01: what the event says is polled until it shows."""
        disturbed.cloud.control_plane.read_lag = 0.3
        lives(disturbed, name)


class TestTransitions:
    def test_a_cycle_costs_the_same_however_long_it_waits(
        self, app: Application, name: str
    ) -> None:
        quick = lives(app, f"{name}-a")
        slow = lives(app, f"{name}-b", image="bivouac/slow:3")

        assert quick <= CYCLE_OF_ONE_SERVICE
        assert slow == quick

    def test_more_services_cost_little_more(self, app: Application, name: str) -> None:
        services = [web(serviceName=f"web-{number}") for number in range(4)]
        created = app.create(environment(*services, name=name)).succeeded()
        deleted = app.delete(name)
        more = EACH_FURTHER_SERVICE * (len(services) - 1)
        assert transitions(created, deleted) <= CYCLE_OF_ONE_SERVICE + more


class TestStrangers:
    def test_an_event_of_a_foreign_cluster_resumes_nothing(self, app: Application) -> None:
        event = {
            "detail-type": "ECS Deployment State Change",
            "time": "2026-01-31T12:00:00Z",
            "resources": ["arn:aws:ecs:ap-northeast-1:123456789012:service/bivouac-nobody/web"],
            "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED"},
        }
        answer = app.invoke("ResumeExecutionFunction", event)
        assert answer == {"status": "NO_WAIT", "environment": "nobody"}


def _is_of_ecs(delivery: Delivery) -> bool:
    return delivery.event is not None and delivery.event["source"] == OF_ECS
