"""Every field of ECS that a request may have has a decision, at every depth."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.request.fields import ecs_arguments
from bivouac.request.fields.ecs_arguments import checked
from bivouac.request.fields.ecs_fields import FIELDS
from bivouac.request.fields.field_rules import Refused
from deployment import new_fields
from tests.requests import environment
from tests.unit.planned import full, problems

SERVICE: dict[str, Any] = {"serviceName": "web", "desiredCount": 1}


def test_every_field_of_the_locked_botocore_has_a_decision() -> None:
    """If this fails, botocore has a new field. Give it a rule, take it as it is, or refuse it with
    the reason: functions/bivouac/request/fields/ecs_fields.py."""
    assert new_fields.undecided() == []


def test_every_decision_is_about_an_existing_field() -> None:
    assert new_fields.outdated() == []


def test_a_field_without_a_decision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if botocore had just learnt it."""
    fields = {name: rule for name, rule in FIELDS["ContainerDefinition"].items() if name != "user"}
    without = {**FIELDS, "ContainerDefinition": fields}
    monkeypatch.setattr(ecs_arguments, "FIELDS", without)
    assert new_fields.undecided() == ["ContainerDefinition.user"]
    (problem,) = problems(
        environment(full(**{"taskDefinition.containerDefinitions.0.user": "nobody"}))
    )
    assert "containerDefinitions[0].user: refused; Bivouac does not know this field" in problem


def test_new_fields_are_printed_with_where_to_decide(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_fields.main()
    assert "are all decided about" in capsys.readouterr().out
    monkeypatch.setattr(new_fields, "undecided", lambda: ["ContainerDefinition.telepathy"])
    new_fields.main()
    printed = capsys.readouterr().out
    assert printed.startswith("ContainerDefinition.telepathy: new in botocore ")
    assert "ecs_fields.py" in printed


def test_every_refusal_says_why_and_what_to_write() -> None:
    for shape, fields in FIELDS.items():
        for name, decision in fields.items():
            if isinstance(decision, Refused):
                assert "; " in decision.reason, f"{shape}.{name}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "demo.serviceName: required, but missing"),
        (
            {**SERVICE, "desiredCount": "1"},
            'must be a whole number, not the text "1"; write "desiredCount": 1',
        ),
        ({**SERVICE, "desiredCount": "two"}, "demo.desiredCount: must be a whole number"),
        ({**SERVICE, "desiredCount": True}, "demo.desiredCount: must be a whole number"),
        ({**SERVICE, "desiredCount": 1.0}, "demo.desiredCount: must be a whole number"),
        ({**SERVICE, "enableExecuteCommand": "true"}, 'write "enableExecuteCommand": true'),
        ({**SERVICE, "platformVersion": 1.4}, 'write "platformVersion": "1.4"'),
        ({**SERVICE, "tags": {}}, "demo.tags: must be a list, not an object"),
        ({**SERVICE, "networkConfiguration": []}, "must be an object, not a list"),
        ({**SERVICE, "desired": 1}, 'demo.desired: unknown field; did you mean "desiredCount"?'),
        ({**SERVICE, "launchType": "LAMBDA"}, 'demo.launchType: the text "LAMBDA" is not one of'),
        ({**SERVICE, "networkConfiguration": {"awsvpcConfiguration": {}}}, "subnets: required"),
        (
            {**SERVICE, "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}, 5]},
            "demo.capacityProviderStrategy[1]: must be an object",
        ),
    ],
)
def test_a_wrong_name_or_type_is_reported_with_its_path(
    arguments: dict[str, Any], message: str
) -> None:
    found = checked("CreateService", arguments, "demo").problems
    assert any(message in str(problem) for problem in found), found


def test_a_valid_argument_has_no_problem() -> None:
    found = checked("CreateService", SERVICE, "demo")
    assert (found.problems, found.left_out, found.arguments) == ([], [], SERVICE)


def test_empty_values_of_refused_fields_are_no_problem() -> None:
    """DescribeServices' answers are full of them."""
    described = {**SERVICE, "loadBalancers": [], "role": "", "healthCheckGracePeriodSeconds": 0}
    found = checked("CreateService", described, "demo")
    assert (found.problems, found.arguments) == ([], SERVICE)


def test_a_secret_of_the_wrong_type_is_not_repeated() -> None:
    variable = {"name": "KEY", "value": {"secret": "hunter2"}}
    container = {"name": "web", "image": "nginx", "environment": [variable]}
    definition = {"family": "web", "containerDefinitions": [container]}
    (problem,) = checked("RegisterTaskDefinition", definition, "demo").problems
    assert "hunter2" not in str(problem)
    assert "environment[0].value: must be text" in str(problem)
