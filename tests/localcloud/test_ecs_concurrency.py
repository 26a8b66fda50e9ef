"""Concurrent requests, beside a server's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from localcloud.clock import ManualClock, SystemClock
from localcloud.guarded_clock import GuardedClock
from localcloud.strict import mock_account
from localcloud.tasks.scripted import ScriptedRuntime
from tests.localcloud.strict_cloud import Cloud, fargate_task, refused

PATIENCE = 20.0
"""Seconds after which something that should have happened counts as missing."""


def test_a_family_accepts_one_registration_at_a_time(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T01: another family is not affected."""
    registering, go_on = threading.Event(), threading.Event()
    now = cloud.clock.now

    def now_held_up() -> float:
        registering.set()
        assert go_on.wait(PATIENCE)
        return now()

    with ThreadPoolExecutor() as threads:
        monkeypatch.setattr(cloud.clock, "now", now_held_up)
        first = threads.submit(cloud.task_definition)
        assert registering.wait(PATIENCE)
        try:
            with refused("ClientException") as error:
                cloud.task_definition()
            other = threads.submit(cloud.task_definition, "other")
        finally:
            go_on.set()
        wait((first, other), PATIENCE)
    assert "Too many concurrent attempts" in error.message
    assert first.result().endswith("web:1")
    assert other.result().endswith("other:1")
    assert cloud.task_definition().endswith("web:2")


def test_an_action_cancelled_while_it_waits_for_the_lock_does_not_run() -> None:
    clock, lock, happened = ManualClock(), threading.RLock(), threading.Event()
    with lock:
        timer = GuardedClock(clock, lock).call_later(1, happened.set)
        due = threading.Thread(target=clock.advance, args=(1,))
        due.start()
        timer.cancel()
    due.join(PATIENCE)
    assert not happened.is_set()


def test_many_requests_at_once_lose_nothing() -> None:
    """The whole life of many services, on wall-clock time, from several threads."""
    clock = SystemClock()
    try:
        with mock_account(clock=clock, runtime=ScriptedRuntime(clock)) as plane:
            cloud = Cloud(plane)
            cloud.ecs.register_task_definition(**fargate_task())
            cloud.ecs.create_cluster(clusterName="shop")
            came_up = _when(clock, lambda: len(plane.ready_moments) == 8)
            with ThreadPoolExecutor(4) as threads:
                names = [f"web-{number}" for number in range(8)]
                list(threads.map(lambda name: _create(cloud, name), names))
            assert came_up.wait(PATIENCE)
            gone = _when(clock, lambda: len(plane.gone_moments) == 8)
            for name in names:
                cloud.ecs.delete_service(cluster="shop", service=name, force=True)
            assert gone.wait(PATIENCE)
            assert cloud.tasks() == []
            assert cloud.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    finally:
        clock.close()


def _create(cloud: Cloud, name: str) -> None:
    """A cluster is not visible at first (C08): retries until it is."""
    while True:
        try:
            cloud.service(name, desiredCount=3)
        except cloud.ecs.exceptions.ClusterNotFoundException:
            continue
        return


def _when(clock: SystemClock, condition: Callable[[], bool]) -> threading.Event:
    """An event that the clock sets once the condition holds."""
    holds = threading.Event()

    def look() -> None:
        if condition():
            holds.set()
        else:
            clock.call_later(0.01, look)

    look()
    return holds
