"""Which of AWS's events match the rules, by the local cloud's matching."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto.events.models import EventPattern

from bivouac.aws import ecs_answers
from tests.template.declared import Json, functions

ACCOUNT, REGION, PARTITION = "123456789012", "ap-northeast-1", "aws"


def pattern_of(function: str, rule: str) -> Json:
    """As it is deployed, with the default prefix."""
    pattern = functions()[function]["Events"][rule]["Properties"]["Pattern"]
    return dict(_resolved(pattern))


def _resolved(part: Any) -> Any:
    match part:
        case {"Fn::Sub": text}:
            for name, value in {
                "AWS::Partition": PARTITION,
                "AWS::Region": REGION,
                "AWS::AccountId": ACCOUNT,
                "NamePrefix": "bivouac",
            }.items():
                text = text.replace(f"${{{name}}}", value)
            return text
        case {"Ref": "AWS::AccountId"}:
            return ACCOUNT
        case dict():
            return {name: _resolved(value) for name, value in part.items()}
        case list():
            return [_resolved(value) for value in part]
    return part


def matches(pattern: Json, event: Json) -> bool:
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(event))


def task_event(status: str, **detail: str) -> Json:
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "account": ACCOUNT,
        "resources": [f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/bivouac-demo/1"],
        "detail": {
            "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/bivouac-demo",
            "lastStatus": status,
            "desiredStatus": "STOPPED",
            **detail,
        },
    }


FAILED = "Essential container in task exited"
SCALED_IN = "Scaling activity initiated by (deployment ecs-svc/1)"
REBALANCED = "Availability-zone rebalancing initiated by (deployment ecs-svc/1)"
STOPS = [
    ("ResumeExecutionFunction", "TaskStateChange", "STOPPING"),
    ("RecheckEnvironmentFunction", "TaskEnded", "STOPPED"),
]


@pytest.mark.parametrize(("function", "rule", "status"), STOPS)
class TestStops:
    def test_stops_ordered_by_ecs_match_no_rule(
        self, function: str, rule: str, status: str
    ) -> None:
        pattern = pattern_of(function, rule)
        for reason in (SCALED_IN, REBALANCED):
            assert not matches(pattern, task_event(status, stoppedReason=reason))

    def test_failures_match_a_rule(self, function: str, rule: str, status: str) -> None:
        """Even a stop without a reason: anything-but matches no missing member."""
        pattern = pattern_of(function, rule)
        assert matches(pattern, task_event(status, stoppedReason=FAILED))
        assert matches(pattern, task_event(status))

    def test_rule_and_code_use_the_same_literals(
        self, function: str, rule: str, status: str
    ) -> None:
        listed = list(_prefixes(pattern_of(function, rule)["detail"]))
        assert listed == [list(ecs_answers.ORDERED_STOPS)]


def _prefixes(part: Any) -> Iterator[Any]:
    match part:
        case {"anything-but": {"prefix": prefixes}}:
            yield prefixes
        case dict():
            for value in part.values():
                yield from _prefixes(value)
        case list():
            for value in part:
                yield from _prefixes(value)
