"""Protecting the deployed stack, and releasing it once nothing would be left behind."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bivouac.environment.intents import Verb
from bivouac.environment.record import Status
from deployment.__main__ import main
from deployment.protection import Target, protect, refusal, release
from localcloud.cloud import LocalCloud
from localcloud.template import Stack, StackProtectedError
from localcloud.timings import TEST

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  VpcId: {Type: String}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: environment, AttributeType: S}
        - {AttributeName: listed, AttributeType: S}
      KeySchema: [{AttributeName: environment, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: listed
          KeySchema: [{AttributeName: listed, KeyType: HASH}]
          Projection: {ProjectionType: ALL}
  Probe:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: the probe, VpcId: !Ref VpcId}
Outputs:
  EnvironmentsTableName: {Value: !Ref Table}
  DeleteEnvironmentStateMachineArn: {Value: "arn:aws:states:::stateMachine:delete"}
"""
RECORD: dict[str, Any] = {
    "listed": {"S": "environment"},
    "generation": {"N": "1"},
    "status": {"S": Status.READY},
    "execution": {"S": ""},
    "expiresAt": {"S": "2026-01-31T18:00:00Z"},
    "verb": {"S": Verb.CREATE},
    "onFailure": {"S": "delete"},
    "triggers": {"S": "{}"},
}


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(timings=TEST, runtime="scripted", port=0) as cloud:
        yield cloud


@pytest.fixture
def stack(cloud: LocalCloud, tmp_path: Path) -> Stack:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    made = cloud.deploy(template, {"VpcId": cloud.account.vpc_id}, name="bivouac")
    protect(cloud, "bivouac")
    return made


def live(cloud: LocalCloud, stack: Stack, environment: str) -> None:
    cloud.client("dynamodb").put_item(
        TableName=stack.resources["Table"], Item={"environment": {"S": environment}, **RECORD}
    )


def is_protected(cloud: LocalCloud) -> bool:
    (described,) = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return bool(described["EnableTerminationProtection"])


def test_a_protected_stack_is_released_if_nothing_would_be_left(
    cloud: LocalCloud, stack: Stack
) -> None:
    with pytest.raises(StackProtectedError):
        cloud.delete_stack(stack)
    assert refusal(cloud, "bivouac") == ""
    release(cloud, "bivouac")
    cloud.delete_stack(stack)


def test_the_release_is_refused_while_environments_exist(cloud: LocalCloud, stack: Stack) -> None:
    live(cloud, stack, "shop")
    live(cloud, stack, "demo")
    why = refusal(cloud, "bivouac")
    assert why.startswith("2 environments would be left behind")
    assert why.endswith("They are: demo, shop")
    assert is_protected(cloud)


def test_the_release_is_refused_while_foreign_rules_name_its_groups(
    cloud: LocalCloud, stack: Stack
) -> None:
    ec2, probe = cloud.client("ec2"), stack.resources["Probe"]
    database = ec2.create_security_group(
        GroupName="database", Description="database", VpcId=cloud.account.vpc_id
    )["GroupId"]
    everything = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": probe}]}
    ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=[everything])
    assert refusal(cloud, "bivouac").endswith(f"They are: {database} (refers to {probe})")


def test_protecting_and_releasing_can_be_repeated(cloud: LocalCloud, stack: Stack) -> None:
    protect(cloud, "bivouac")
    assert is_protected(cloud)
    for _ in "twice":
        release(cloud, "bivouac")
        assert not is_protected(cloud)


@pytest.mark.parametrize(("typed", "done"), [("y\n", True), ("\n", False), ("", False)])
def test_the_stack_is_released_once_somebody_has_agreed(
    cloud: LocalCloud, stack: Stack, monkeypatch: pytest.MonkeyPatch, typed: str, done: bool
) -> None:
    monkeypatch.setattr("deployment.__main__.boto3.Session", lambda **_: cloud)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main("release") == ("" if done else "Nothing was changed.")
    assert is_protected(cloud) is not done


def test_no_confirmation_is_requested_while_the_stack_must_stay(
    cloud: LocalCloud, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(cloud, stack, "demo")
    monkeypatch.setattr("deployment.__main__.boto3.Session", lambda **_: cloud)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "They are: demo" in main("release")
    assert is_protected(cloud)


class TestTarget:
    def test_it_is_the_stack_that_sam_deploys(self) -> None:
        """SAM CLI reference, "AWS SAM CLI configuration file": a command's table comes before
        `global`."""
        config = {
            "version": 0.1,
            "default": {
                "global": {"parameters": {"stack_name": "bivouac", "region": "eu-west-1"}},
                "deploy": {"parameters": {"region": "eu-central-1", "profile": "team"}},
            },
        }
        assert Target.of(config) == Target("bivouac", "eu-central-1", "team")

    def test_region_and_profile_may_be_missing_from_the_configuration(self) -> None:
        config = {"default": {"global": {"parameters": {"stack_name": "bivouac"}}}}
        assert Target.of(config) == Target("bivouac", None, None)
