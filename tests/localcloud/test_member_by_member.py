"""The comparison with records finds every difference, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from localcloud.request_shape import operation_model
from tests.localcloud.member_by_member import differences, unknown_members

MOMENT = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("record", "given"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ("<uuid>", "0b714e69-05a1-4b09-8ce6-cc8c90575a9d"),
        ("ecs-svc/<19 digits>", "ecs-svc/5379410376685107715"),
        ("(a.b)", "(a.b)"),
        ("<time>", MOMENT),
        ("<time>", "2026-09-04T17:00:01.714Z"),
        ("<integer>", 7),
        ([1, "<more>", 4], [1, 2, 3, 4]),
        (["<more>"], []),
    ],
)
def test_equal_answers_have_no_differences(record: Any, given: Any) -> None:
    assert differences({"member": record}, {"member": given}) == []


@pytest.mark.parametrize(
    ("record", "given", "found"),
    [
        ({"a": 1}, {}, ".member.a is missing"),
        ({"a": 1}, [], ".member: [] is no structure"),
        ("RUNNING", "STOPPED", ".member: 'STOPPED' is not 'RUNNING'"),
        ("(a.b)", "(aXb)", ".member: '(aXb)' is not '(a.b)'"),
        ("<uuid>", "0b714e69", ".member: '0b714e69' is not '<uuid>'"),
        ("<time>", "yesterday", ".member: 'yesterday' is not '<time>'"),
        ("<integer>", True, ".member: True is not '<integer>'"),
        (0, False, ".member: False is not 0"),
        ("5", 5, ".member: 5 is not '5'"),
        ([1, 2], [1], ".member: 1 elements, not 2"),
        ([1, "<more>", 4], [1, 3], ".member[1]: 3 is not 4"),
        ([1, "<more>", 4], [1], ".member: 1 elements, not 2"),
        (["a"], "a", ".member: 'a' is no list"),
    ],
)
def test_each_difference_is_found(record: Any, given: Any, found: str) -> None:
    assert differences({"member": record}, {"member": given}) == [found]


def test_members_outside_the_model_are_found() -> None:
    shape = operation_model("ecs", "DescribeTasks").output_shape
    answer = {"tasks": [{"version": 1, "mood": "good"}], "failures": []}
    assert unknown_members(shape, answer) == [".tasks[0].mood"]
