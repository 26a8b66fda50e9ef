"""An environment's largest sizes are computed when it is planned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.record import packed
from bivouac.environment.service_changes import Change
from bivouac.request.rules import limits
from bivouac.request.rules.limits import Largest, record_problems, record_size
from tests import largest
from tests.largest import LARGEST
from tests.requests import NOW, environment
from tests.unit.planned import planned, problems

STATE, ITEM = 262_144, 409_600
"""Quotas of Step Functions (a state's data) and of DynamoDB (an item), as their pages have them."""


def instruction(request: dict[str, Any]) -> Instruction:
    intent = Intent(NOW, "create")
    return Instruction(Verb.CREATE, intent, 0, packed(request), packed(request), {}, there=False)


@pytest.mark.parametrize("request_of", LARGEST.values(), ids=LARGEST.keys())
def test_the_largest_requests_fit(request_of: Callable[[str], dict[str, Any]]) -> None:
    request = request_of("demo")
    blueprint = planned(request)
    found = Largest(blueprint)
    assert limits.size(found.proven_state) < STATE
    assert limits.size(found.waiting_state) < STATE
    assert limits.size(found.output) < STATE
    assert found.wait_item < ITEM
    assert record_size(blueprint, instruction(request), None) < ITEM
    assert record_problems(blueprint, instruction(request), None) == []


class TestRefused:
    """What would not fit later, with the reason and what to write instead."""

    def test_too_many_edges_are_refused(self) -> None:
        (refused,) = problems(largest.many_edges("demo", 900))
        assert refused.startswith("services: the plan takes ")
        assert "prove fewer connections" in refused

    def test_fifty_services_with_the_longest_names_are_refused(self) -> None:
        refused = problems(largest.longest_names("demo", 50))
        assert refused
        for each in refused:
            assert each.startswith("services: ")
            assert "split the environment" in each

    def test_too_large_values_are_refused(self) -> None:
        (refused,) = problems(largest.longest_values("demo", 50))
        assert "move long commands and values into the images" in refused

    def test_too_many_endpoints_are_refused(self) -> None:
        made = [{"serviceName": f"web-{n}", **largest.ports(67, f"p{n}")} for n in range(3)]
        (refused,) = problems(environment(*made))
        assert "201 endpoints in all; an environment has at most 200" in refused

    def test_a_plan_that_does_not_fit_a_state_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "BLUEPRINT", 1_000_000)
        refused = problems(largest.many_edges("demo", 900))
        assert [each.partition(" bytes ")[2].partition(",")[0] for each in refused] == [
            "as its output"
        ]
        assert "50 services, 50 tasks, 50 endpoints, 900 connections to prove" in refused[0]
        assert "prove fewer connections" in refused[0]

    def test_a_request_that_does_not_fit_beside_the_last_proven_one_is_refused(self) -> None:
        """The last proven request stays beside the new one."""
        blueprint = planned(largest.many_edges("demo"))
        text = "x" * 40_000
        change = Change("web", Intent(NOW, "redeploy"), "y" * 40_000)
        changes = {"web": (change,)}
        asked = replace(instruction({}), base=text, request=text, changes=changes)
        (refused,) = record_problems(blueprint, asked, None)
        assert str(refused).startswith("request: the record would take ")
        assert "240 connections to prove" in refused.text


@pytest.mark.parametrize("request_of", LARGEST.values(), ids=LARGEST.keys())
def test_the_largest_requests_are_within_the_most_that_counts_allow(
    request_of: Callable[[str], dict[str, Any]],
) -> None:
    assert_within_the_most(request_of("demo"))


@pytest.mark.parametrize("tasks", [1, 20])
@pytest.mark.parametrize("ports", [1, 4])
@pytest.mark.parametrize("length", [8, 128])
@pytest.mark.parametrize("count", [1, 10])
def test_others_are_within_it_as_well(count: int, length: int, ports: int, tasks: int) -> None:
    """With the longest names of a stack, an environment and a namespace, and the longest path."""
    made = [
        {
            "serviceName": f"s{number:02}-".ljust(length, "x"),
            "desiredCount": tasks,
            **largest.ports(ports, f"p{number}", "y" * (length // 2)),
        }
        for number in range(count)
    ]
    for each in made:
        served = each["serviceConnectConfiguration"]["services"]
        each["probe"] = {"portName": served[0]["portName"], "path": "/".ljust(512, '"')}
    request = environment(*made, name="e" * 40, namespace="\\" * 100)
    assert_within_the_most(request, name_prefix="s" * 20)


def assert_within_the_most(request: dict[str, Any], **stack: Any) -> None:
    blueprint = planned(request, **stack)
    state, item = limits.most(blueprint)
    found = Largest(blueprint)
    assert limits.size(found.waiting_state) <= state
    assert limits.size(found.proven_state) <= state
    assert limits.size(found.output) <= state
    told_again = [found.shown, blueprint.warnings, blueprint.triggers]
    assert limits.size(found.proven_state) + limits.size(told_again) <= state
    assert found.wait_item <= item


def test_answers_from_outside_are_counted_before_security_groups_are_known() -> None:
    """The check of the network comes after the plan's."""
    blueprint = planned(environment())
    assert not blueprint.services[0].endpoints[0].admits_everybody
    proof = Largest(blueprint).proof
    assert [check["outcome"] for check in proof if "outside the VPC" in check["name"]] == ["OK"]


class TestSize:
    def test_sizes_count_utf_8_as_functions_return_it(self) -> None:
        assert limits.size({"a": "日本"}) == len('{"a": "日本"}'.encode())
