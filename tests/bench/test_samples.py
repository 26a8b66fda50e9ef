"""The environments that are measured."""

from __future__ import annotations

import random
from dataclasses import fields

import pytest

from bench import lag, samples
from bivouac.request.planning.plan import plan
from localcloud.timings import AWS_LIKE
from tests.requests import NOW, settings


@pytest.mark.parametrize(("services", "waves"), [(1, [1]), (5, [1, 2, 2]), (20, [4, 8, 8])])
def test_services_come_in_waves(services: int, waves: list[int]) -> None:
    assert [len(wave) for wave in samples.waves(services)] == waves


@pytest.mark.parametrize("services", samples.SIZES)
def test_each_call_is_proven_and_awaited(services: int) -> None:
    request = samples.environment("shop", services)
    assert len(request["services"]) == services
    checked = plan(request, settings(), NOW)
    assert checked.blueprint is not None, checked.problems
    called = {(edge.client, edge.server) for edge in checked.blueprint.edges if edge.client}
    waited_for = {
        (service.service_name, needed.service_name)
        for service in checked.blueprint.services
        for needed in service.depends_on
    }
    assert called == waited_for


@pytest.mark.parametrize("group", ["evented", "polled", "every event lost"])
def test_each_service_whose_lag_is_measured_has_a_follower(group: lag.Group) -> None:
    checked = plan(lag.request("lag", group), settings(), NOW)
    assert checked.blueprint is not None, checked.problems
    followed = {
        needed.service_name
        for service in checked.blueprint.services
        for needed in service.depends_on
    }
    assert followed == {lag.name(number) for number in range(1, lag.SERVICES + 1)}
    endpoints = sum(len(service.endpoints) for service in checked.blueprint.services)
    assert endpoints == (lag.SERVICES if group == "polled" else 0)


def test_ready_times_are_spread_evenly() -> None:
    drawn = sorted(lag.delays(random.Random(1)))
    part = (lag.TO - lag.FROM) / lag.SERVICES
    assert [int((delay - lag.FROM) // part) for delay in drawn] == list(range(lag.SERVICES))


def test_every_time_of_a_profile_is_scaled() -> None:
    halved = samples.scaled(AWS_LIKE, 0.5)
    for field in fields(AWS_LIKE):
        if field.name != "name":
            assert getattr(halved, field.name) == getattr(AWS_LIKE, field.name) / 2
    assert halved.name != AWS_LIKE.name
