"""ECS arguments against botocore's own model of the service."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.aws import ecs_schema

SERVICE = {"serviceName": "web", "desiredCount": 1}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "serviceName"),
        ({**SERVICE, "desiredCount": "1"}, "desiredCount"),
        ({**SERVICE, "desired": 1}, "desired"),
        ({**SERVICE, "launchType": "LAMBDA"}, "demo.launchType: 'LAMBDA' is not one of"),
        ({**SERVICE, "networkConfiguration": {"awsvpcConfiguration": {}}}, "subnets"),
        (
            {
                **SERVICE,
                "networkConfiguration": {
                    "awsvpcConfiguration": {"subnets": ["a"], "assignPublicIp": "yes"}
                },
            },
            "demo.networkConfiguration.awsvpcConfiguration.assignPublicIp: 'yes'",
        ),
        (
            {**SERVICE, "placementStrategy": [{"type": "sideways"}]},
            "demo.placementStrategy[0].type: 'sideways'",
        ),
    ],
)
def test_what_the_model_does_not_allow_is_told_with_its_path(
    arguments: dict[str, Any], told: str
) -> None:
    found = list(ecs_schema.problems("CreateService", arguments, "demo"))
    assert any(told in problem for problem in found), found
    assert all(problem.startswith("demo") for problem in found)


def test_what_the_model_allows_has_no_problem() -> None:
    assert not list(ecs_schema.problems("CreateService", SERVICE, "demo"))


def test_several_problems_are_told_at_once() -> None:
    wrong = {"desiredCount": "1", "desired": 1, "launchType": "LAMBDA"}
    assert len(list(ecs_schema.problems("CreateService", wrong, "demo"))) == 4


def test_an_operation_without_input_is_a_mistake_of_ours() -> None:
    with pytest.raises(Exception, match="NoSuchOperation"):
        list(ecs_schema.problems("NoSuchOperation", {}, "demo"))
