"""What a cycle costs and takes: the arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import cycle, economy
from bench.calls import ApiCall
from bench.figures import percentile
from localcloud.timings import AWS_LIKE

CALLS = {"ecs:CreateService": 2, "ecs:DescribeServices": 4, "dynamodb:PutItem": 9}
BY_HAND = {"ecs:CreateService": 2, "ecs:DescribeServices": 3, "dynamodb:PutItem": 1}


def cost(services: int, transitions: int) -> economy.Cycle:
    return economy.Cycle(services, transitions, {}, CALLS, BY_HAND, 0)


def test_calls_are_counted_by_operation() -> None:
    calls = [ApiCall(0.0, "key", "ecs", name) for name in ("ListTasks", "ListTasks", "StopTask")]
    assert economy.counted(calls) == {"ecs:ListTasks": 2, "ecs:StopTask": 1}


def test_bookkeeping_is_not_compared_with_a_script() -> None:
    assert economy.resource_calls(CALLS) == 6
    assert cost(1, 35).ratio == pytest.approx(6 / 5)


def test_one_more_service_may_cost_eight_more_transitions() -> None:
    assert [cost(n, 0).most_transitions for n in (1, 5, 20)] == [36, 68, 188]


def test_a_longer_wait_may_not_cost_any_transition() -> None:
    waits = [economy.Waited(30, 35, 100), economy.Waited(600, 36, 100)]
    measured = economy.Economy([cost(1, 35)], waits)
    assert [target.met for target in measured.targets] == [True, True, False]


def test_the_floor_is_the_sum_of_the_waves() -> None:
    one, three = (cycle.seconds_of(cycle.floor(AWS_LIKE, n, proof=0.3)) for n in (1, 3))
    assert one == pytest.approx(4 + (2 + 12 + 20 + 2) + 0.3 + (2 + 2) + (120 + 4))
    assert three - one == pytest.approx(2 * (2 + 12 + 20 + 2))


def test_the_longest_of_concurrent_steps_counts() -> None:
    quick, slow = (
        cycle.seconds_of(cycle.floor(timings, 1, proof=0.0))
        for timings in (replace(AWS_LIKE, discovery_removal=seconds) for seconds in (5.0, 8.0))
    )
    assert slow - quick == pytest.approx(8 + 4 - 10)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (1, 50, 80, 99, 100)] == [1, 3, 4, 5, 5]
    assert percentile([7.0], 50) == 7.0
