"""DescribeStacks describes deployed stacks as CloudFormation does.

Members and errors: botocore's model of CloudFormation, and its API reference, DescribeStacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from localcloud.template import StackDeletionError, StackProtectedError
from localcloud.timings import TEST

HELLO = Path(__file__).parent / "data" / "hello" / "template.yaml"
GUARDED = Path(__file__).parent / "data" / "guarded" / "template.yaml"


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(timings=TEST, runtime="scripted", port=0) as cloud:
        yield cloud


def described(cloud: LocalCloud, **named: str) -> list[dict[str, Any]]:
    stacks: list[dict[str, Any]] = cloud.client("cloudformation").describe_stacks(**named)["Stacks"]
    return stacks


def test_a_stack_has_its_parameters_and_outputs(cloud: LocalCloud) -> None:
    deployed = cloud.deploy(HELLO, {"Greeting": "hi"}, name="hello")

    (stack,) = described(cloud, StackName="hello")

    assert (stack["StackName"], stack["StackStatus"]) == ("hello", "CREATE_COMPLETE")
    assert stack["StackId"].startswith(
        f"arn:aws:cloudformation:{cloud.account.region}:{cloud.account.account_id}:stack/hello/"
    )
    assert isinstance(stack["CreationTime"], datetime)
    assert stack["Parameters"] == [{"ParameterKey": "Greeting", "ParameterValue": "hi"}]
    assert stack["Outputs"] == [
        {"OutputKey": "Machine", "OutputValue": deployed.outputs["Machine"]}
    ]
    assert described(cloud, StackName=stack["StackId"]) == [stack]


def test_without_a_name_all_stacks_are_described_with_parameter_defaults(cloud: LocalCloud) -> None:
    """A default is shown like any other value."""
    assert described(cloud) == []
    cloud.deploy(HELLO, {}, name="hello")
    cloud.deploy(GUARDED, {}, name="guarded")

    stacks = {each["StackName"]: each for each in described(cloud)}

    assert stacks.keys() == {"hello", "guarded"}
    assert stacks["hello"]["Parameters"] == [
        {"ParameterKey": "Greeting", "ParameterValue": "hello"}
    ]


def test_an_unknown_stack_is_an_error(cloud: LocalCloud) -> None:
    """The text: AWS CLI against CloudFormation, in many public reports, such as
    https://github.com/aws/aws-cli/issues/2887."""
    with pytest.raises(ClientError) as refused:
        described(cloud, StackName="nobody")
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert refused.value.response["Error"]["Message"] == "Stack with id nobody does not exist"


def test_a_refused_deletion_leaves_the_stack_in_delete_failed(cloud: LocalCloud) -> None:
    """Once the deletion succeeds, the stack's name is no longer found."""
    stack = cloud.deploy(GUARDED, {}, name="guarded")
    item = {"environment": {"S": "shop"}}
    cloud.client("dynamodb").put_item(TableName="environments", Item=item)
    with pytest.raises(StackDeletionError):
        cloud.delete_stack(stack)
    (still,) = described(cloud, StackName="guarded")
    assert still["StackStatus"] == "DELETE_FAILED"
    assert "Guard" in still["StackStatusReason"]

    cloud.client("dynamodb").delete_item(TableName="environments", Key=item)
    cloud.delete_stack(stack)

    with pytest.raises(ClientError, match="Stack with id guarded does not exist"):
        described(cloud, StackName="guarded")
    assert described(cloud) == []


def test_a_stack_has_its_resources(cloud: LocalCloud) -> None:
    """API reference, DescribeStackResources."""
    deployed = cloud.deploy(HELLO, {}, name="hello")
    client = cloud.client("cloudformation")

    resources = client.describe_stack_resources(StackName="hello")["StackResources"]

    assert {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources} == dict(
        deployed.resources
    )
    assert {each["LogicalResourceId"]: each["ResourceType"] for each in resources} == dict(
        deployed.types
    )
    assert {each["ResourceStatus"] for each in resources} == {"CREATE_COMPLETE"}
    with pytest.raises(ClientError, match="Stack with id nobody does not exist"):
        client.describe_stack_resources(StackName="nobody")


def test_a_protected_stack_is_not_deleted_and_does_not_change(cloud: LocalCloud) -> None:
    """CloudFormation's user guide, "Protect CloudFormation stacks from being deleted": if a user
    tries to delete it, the deletion fails and the stack, its status included, does not change."""
    stack, client = cloud.deploy(HELLO, {}, name="hello"), cloud.client("cloudformation")
    assert described(cloud)[0]["EnableTerminationProtection"] is False

    for _ in "twice":
        answer = client.update_termination_protection(
            StackName="hello", EnableTerminationProtection=True
        )
        assert answer["StackId"] == stack.id
    before = dict(stack.deployed)
    with pytest.raises(
        StackProtectedError,
        match=r"Stack \[hello\] cannot be deleted while TerminationProtection is enabled",
    ):
        cloud.delete_stack(stack)

    (still,) = described(cloud)
    assert (still["StackStatus"], still["EnableTerminationProtection"]) == ("CREATE_COMPLETE", True)
    assert stack.deployed == before
    client.update_termination_protection(StackName="hello", EnableTerminationProtection=False)
    cloud.delete_stack(stack)
    assert described(cloud) == []


def test_an_unknown_stack_cannot_be_protected(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"nobody.* does not exist"):
        cloud.client("cloudformation").update_termination_protection(
            StackName="nobody", EnableTerminationProtection=True
        )
