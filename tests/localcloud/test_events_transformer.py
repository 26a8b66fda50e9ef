"""A rule's input for its target."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.events.transformer import input_for

RULE = "arn:aws:events:ap-northeast-1:123456789012:rule/failed-creates"
EVENT: dict[str, Any] = {
    "id": "e-1",
    "time": "2026-11-23T09:00:00Z",
    "source": "aws.states",
    "detail": {"status": "FAILED", "cause": 'he said "no"', "list": [{"x": 1}], "count": 3},
}


def test_the_whole_event() -> None:
    assert json.loads(input_for({}, EVENT, RULE)) == EVENT


def test_a_part() -> None:
    assert json.loads(input_for({"InputPath": "$.detail.list[0]"}, EVENT, RULE)) == {"x": 1}


def test_a_constant() -> None:
    assert input_for({"Input": '{"sweep": true}'}, EVENT, RULE) == '{"sweep": true}'


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ('{"status": <status>, "count": <count>}', {"status": "FAILED", "count": 3}),
        ('{"said": "cause: <cause>"}', {"said": 'cause: he said "no"'}),
        ('{"list": <list>, "text": "<list>"}', {"list": [{"x": 1}], "text": '[{"x": 1}]'}),
        ('"it is <status>, <count> times"', "it is FAILED, 3 times"),
        ('{"missing": <missing>, "text": "<missing>"}', {"missing": None, "text": ""}),
        ('{"rule": <aws.events.rule-name>}', {"rule": "failed-creates"}),
        ('{"all": <aws.events.event.json>}', {"all": EVENT}),
        ('{"escaped \\" <status>": <count>}', {'escaped " FAILED': 3}),
    ],
)
def test_a_template(template: str, value: Any) -> None:
    """Values in a JSON text stay JSON; moto inserts them without quotes."""
    paths = {
        "status": "$.detail.status",
        "cause": "$.detail.cause",
        "list": "$.detail.list",
        "count": "$.detail.count",
        "missing": "$.detail.nowhere",
    }
    transformer = {"InputPathsMap": paths, "InputTemplate": template}
    assert json.loads(input_for({"InputTransformer": transformer}, EVENT, RULE)) == value
