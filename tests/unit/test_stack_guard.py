"""The guard's response to CloudFormation: the environments, what to do, and always a valid form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac import stack_guard
from bivouac.aws.cloudformation import is_cloudformations
from bivouac.settings import AnswerSettings

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:bivouac-delete-environment"
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/" + "s" * 128 + "/" + "0" * 36
REQUEST = {
    "RequestType": "Delete",
    "StackId": STACK,
    "RequestId": "r" * 36,
    "LogicalResourceId": "EnvironmentsGuard",
}
AWS = AnswerSettings("amazonaws.com", "us-east-1")
LOCAL = AnswerSettings("amazonaws.com", "us-east-1", "http://127.0.0.1:4566")
CHINA = AnswerSettings("amazonaws.com.cn", "cn-north-1")
BUCKET = "https://cloudformation-custom-resource-response-useast1.s3"


def answered(refusal: str, **more: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(stack_guard.answer({**REQUEST, **more}, refusal))
    return answer


def test_a_stack_without_environments_can_be_deleted() -> None:
    assert stack_guard.refusal_of_deletion([], MACHINE) == ""
    assert "Reason" not in answered("")
    assert answered("")["Status"] == "SUCCESS"


def test_existing_environments_are_listed_with_the_command_to_delete_one() -> None:
    refusal = stack_guard.refusal_of_deletion(["web", "api"], MACHINE)
    assert refusal.startswith("2 environments would be left behind.")
    assert f'--state-machine-arn {MACHINE} --input \'{{"environment": "api"}}\'' in refusal
    assert refusal.endswith("They are: api, web")


@given(st.lists(st.text("ab-", min_size=1, max_size=40), min_size=1, max_size=600))
def test_the_response_fits_for_any_number_of_environments(names: list[str]) -> None:
    refusal = stack_guard.refusal_of_deletion(names, MACHINE)
    body = stack_guard.answer({**REQUEST, "PhysicalResourceId": "p" * 40}, refusal)
    assert len(body) <= stack_guard.ANSWER_LIMIT
    assert json.loads(body)["Reason"] == refusal


def test_foreign_rules_that_name_the_stacks_group_are_listed() -> None:
    """EC2 deletes no group that a rule of another one names (its API reference,
    DeleteSecurityGroup)."""
    assert stack_guard.refusal_of_references({}) == ""
    refusal = stack_guard.refusal_of_references({"sg-2": {"sg-9", "sg-8"}, "sg-1": {"sg-9"}})
    assert refusal.startswith("2 security groups have rules that refer to a group of this stack")
    assert "Remove these rules first, then delete the stack again" in refusal
    assert refusal.endswith("They are: sg-1 (refers to sg-9), sg-2 (refers to sg-8, sg-9)")
    assert stack_guard.refusal_of_references({"sg-1": {"sg-9"}}).startswith("1 security group has")


@given(
    st.lists(st.text("ab-", min_size=1, max_size=40), max_size=600),
    st.dictionaries(st.text("0123456789abcdef", min_size=17, max_size=17), st.just({"sg-9"})),
)
def test_the_response_names_both_for_any_number(
    names: list[str], references: dict[str, set[str]]
) -> None:
    refusals = (
        stack_guard.refusal_of_deletion(names, MACHINE),
        stack_guard.refusal_of_references(references),
    )
    body = stack_guard.answer(REQUEST, " ".join(filter(None, refusals)))
    assert len(body) <= stack_guard.ANSWER_LIMIT
    reason = json.loads(body).get("Reason", "")
    assert all(refusal in reason for refusal in refusals)


@given(st.text(max_size=20_000))
def test_the_response_fits_for_any_error(reason: str) -> None:
    assert len(stack_guard.answer(REQUEST, f"x{reason}")) <= stack_guard.ANSWER_LIMIT


def test_the_resource_keeps_its_id() -> None:
    """Another id would mean a replacement, whose original is deleted after the update."""
    assert answered("")["PhysicalResourceId"] == stack_guard.PHYSICAL_ID
    assert answered("", PhysicalResourceId="given")["PhysicalResourceId"] == "given"


def test_the_prefix_of_a_stack_cannot_change() -> None:
    before, now = {"NamePrefix": "bivouac"}, {"NamePrefix": "other"}
    assert "from bivouac to other" in stack_guard.refusal_of_update(before, now)
    assert stack_guard.refusal_of_update(before, {**before, "NeededToo": "x"}) == ""


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        (f"{BUCKET}.amazonaws.com/arn%3A?Signature=x", AWS),
        (f"{BUCKET}.us-east-1.amazonaws.com/arn", AWS),
        (f"{BUCKET}-us-east-1.amazonaws.com/arn", AWS),
        (
            BUCKET.replace("useast1", "cnnorth1") + ".cn-north-1.amazonaws.com.cn/arn",
            CHINA,
        ),
        ("http://127.0.0.1:4566/cloudformation-custom-resource-response/x", LOCAL),
    ],
)
def test_cloudformations_response_urls_are_accepted(url: str, settings: AnswerSettings) -> None:
    assert is_cloudformations(url, settings)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("https://example.com/", AWS),
        (f"{BUCKET}.amazonaws.com.example.com/", AWS),
        ("https://example.com/" + BUCKET + ".amazonaws.com/", AWS),
        (BUCKET.replace("https", "http") + ".amazonaws.com/arn", AWS),
        ("https://somebodys-bucket.s3.amazonaws.com/arn", AWS),
        (BUCKET.replace("useast1", "somebody") + ".amazonaws.com/arn", AWS),
        (BUCKET.replace("useast1", "euwest1") + ".eu-west-1.amazonaws.com/arn", AWS),
        (f"{BUCKET}.eu-west-1.amazonaws.com/arn", AWS),
        (BUCKET.replace("//", "//user@") + ".amazonaws.com/", AWS),
        (f"{BUCKET}.amazonaws.com:8443/", AWS),
        (f"{BUCKET}.cn-north-1.amazonaws.com.cn/arn", AWS),
        ("http://127.0.0.1:4566/x", AWS),
        ("http://127.0.0.1:4566@example.com/x", LOCAL),
        ("http://127.0.0.1:4567/x", LOCAL),
        (
            "http://169.254.169.254/x",
            AnswerSettings("amazonaws.com", "us-east-1", "http://169.254.169.254"),
        ),
        ("file:///etc/passwd", LOCAL),
        ("", AWS),
    ],
)
def test_other_urls_are_refused(url: str, settings: AnswerSettings) -> None:
    assert not is_cloudformations(url, settings)
