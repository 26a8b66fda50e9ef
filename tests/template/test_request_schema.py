"""docs/request.schema.json: editors complete and check requests by it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs.request_schema import FILE, schema
from tests.requests import EVENTS, environment, event, web

SAMPLES = sorted(
    str(file.relative_to(EVENTS).with_suffix(""))
    for file in EVENTS.rglob("*.json")
    if file.relative_to(EVENTS).parts[0] not in ("in", "out")
)
WRITTEN = json.loads(FILE.read_text(encoding="utf-8"))


def mistakes(request: Any) -> list[str]:
    return [each.json_path for each in Draft202012Validator(WRITTEN).iter_errors(request)]


def test_it_is_current() -> None:
    assert schema() == WRITTEN, "make schema"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(WRITTEN)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_valid(sample: str) -> None:
    assert not mistakes(event(sample))


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        (environment(lease="8h"), "$.lease"),
        (environment(colour="blue"), "$"),
        (environment(web(desiredCount="2")), "$.services[0].desiredCount"),
        (environment(web(desiredCuont=2)), "$.services[0]"),
        (environment({"primaryContainer": {"image": "x"}}), "$.services[0]"),
        (environment(web(launchType="fargate")), "$.services[0].launchType"),
        (environment(web(role="ecsServiceRole")), "$.services[0]"),
        (
            environment(web(primaryContainer={"image": "x", "protocol": "udp"})),
            "$.services[0].primaryContainer.protocol",
        ),
        (
            environment(web(taskDefinition={"containerDefinitions": [{"imagee": "x"}]})),
            "$.services[0].taskDefinition",
        ),
    ],
)
def test_an_editor_marks_a_mistake(request_: Any, place: str) -> None:
    assert mistakes(request_) == [place]


def test_a_request_may_name_it_and_probe_in_both_ways() -> None:
    probe = {"portName": "web", "expectStatus": 204}
    named = {"$schema": "../docs/request.schema.json"}
    assert not mistakes({**named, **environment(web(probe=probe))})
    assert not mistakes({**named, **environment(web(probe=[probe]))})


def test_it_says_what_fields_are_for() -> None:
    assert "redeployed" not in WRITTEN["properties"]
    assert WRITTEN["$defs"]["Schedule"]["properties"]["begin"]["description"].startswith("up: ")
