"""Several stacks in one account: name conflicts are refused, failures are undone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.template import Stack, TemplateError


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(runtime="scripted", port=0) as cloud:
        yield cloud


class Account:
    def __init__(self, cloud: LocalCloud, directory: Path) -> None:
        self.cloud = cloud
        self._path = directory / "template.yaml"

    def deploy(self, stack: str, resources: str, **parameters: str) -> Stack:
        head = (
            "Transform: AWS::Serverless-2016-10-31\n"
            "Parameters: {Name: {Type: String, Default: unnamed}}\n"
            "Resources:\n"
        )
        self._path.write_text(head + textwrap.indent(textwrap.dedent(resources), "  "))
        return self.cloud.deploy(self._path, parameters, name=stack)


@pytest.fixture
def account(cloud: LocalCloud, tmp_path: Path) -> Account:
    return Account(cloud, tmp_path)


BUS_WITH_POLICY = """
Bus:
  Type: AWS::Events::EventBus
  Properties: {Name: !Ref Name}
Policy:
  Type: AWS::Events::EventBusPolicy
  Properties:
    EventBusName: !Ref Bus
    StatementId: Known
    Statement:
      Effect: Deny
      Principal: "*"
      Action: events:PutEvents
      Resource: !GetAtt Bus.Arn
"""
SCHEDULE = """
Daily:
  Type: AWS::Scheduler::Schedule
  Properties:
    Name: daily
    GroupName: !Ref Group
    ScheduleExpression: rate(1 day)
    FlexibleTimeWindow: {Mode: "OFF"}
    Target: {Arn: !GetAtt Queue.Arn, RoleArn: "arn:aws:iam::123456789012:role/x"}
Group:
  Type: AWS::Scheduler::ScheduleGroup
  Properties: {Name: !Ref Name}
Queue: {Type: AWS::SQS::Queue}
"""


class TestNames:
    """CloudFormation identifies resources by the primary identifiers of its resource schemas."""

    @pytest.mark.parametrize(
        ("kind", "properties", "name"),
        [
            ("AWS::CloudWatch::Alarm", "AlarmName: taken", "taken"),
            ("AWS::Events::EventBus", "Name: taken", "taken"),
            ("AWS::Logs::LogGroup", "LogGroupName: /taken", "/taken"),
            ("AWS::Scheduler::ScheduleGroup", "Name: taken", "taken"),
            ("AWS::SQS::Queue", "QueueName: taken", "taken"),
        ],
    )
    def test_a_name_that_another_stack_has_is_refused(
        self, account: Account, kind: str, properties: str, name: str
    ) -> None:
        more = ""
        if kind == "AWS::CloudWatch::Alarm":
            more = ", Namespace: n, MetricName: m, Period: 60, EvaluationPeriods: 1, Threshold: 0"
            more += ", Statistic: Sum, ComparisonOperator: GreaterThanThreshold"
        text = f"It: {{Type: '{kind}', Properties: {{{properties}{more}}}}}"
        account.deploy("first", text)
        with pytest.raises(TemplateError, match=rf"{name} already exists in stack arn:.*:stack/fi"):
            account.deploy("second", text)

    def test_a_statement_id_on_another_bus_is_refused(self, account: Account) -> None:
        """https://github.com/aws/aws-cdk/issues/29627: it is the physical id by itself."""
        account.deploy("first", BUS_WITH_POLICY, Name="one")
        with pytest.raises(TemplateError, match="Known already exists in stack"):
            account.deploy("second", BUS_WITH_POLICY, Name="two")

    def test_a_schedules_name_in_another_group_is_refused(self, account: Account) -> None:
        """The identifier of AWS::Scheduler::Schedule is its name
        (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1726)."""
        account.deploy("first", SCHEDULE, Name="one")
        with pytest.raises(TemplateError, match="daily already exists in stack"):
            account.deploy("second", SCHEDULE, Name="two")

    def test_a_name_used_twice_in_one_stack_is_refused(self, account: Account) -> None:
        queue = "{Type: 'AWS::SQS::Queue', Properties: {QueueName: taken}}"
        with pytest.raises(TemplateError, match="taken already exists in stack"):
            account.deploy("only", f"One: {queue}\nOther: {queue}")

    def test_an_existing_stacks_name_is_refused(self, account: Account) -> None:
        account.deploy("only", "Queue: {Type: 'AWS::SQS::Queue'}")
        with pytest.raises(TemplateError, match=r"Stack \[only\] already exists"):
            account.deploy("only", "Queue: {Type: 'AWS::SQS::Queue'}")

    def test_unnamed_resources_are_named_after_their_stack(self, account: Account) -> None:
        text = "Queue: {Type: 'AWS::SQS::Queue'}"
        first, second = (account.deploy(name, text) for name in ("first", "second"))
        assert first.resources["Queue"] != second.resources["Queue"]

    def test_a_deleted_stack_holds_no_names(self, account: Account) -> None:
        stack = account.deploy("first", BUS_WITH_POLICY, Name="one")
        account.cloud.delete_stack(stack)
        account.deploy("first", BUS_WITH_POLICY, Name="two")


class TestRollback:
    """A stack whose creation fails is deleted again, except for what its policies retain
    (CloudFormation user guide, "DeletionPolicy attribute")."""

    FAILS = "\nBus: {Type: 'AWS::Events::EventBus', Properties: {Name: default}}"

    @pytest.mark.parametrize(
        ("policy", "left"),
        [("Delete", False), ("Retain", True), ("RetainExceptOnCreate", False)],
    )
    def test_created_resources_are_deleted(self, account: Account, policy: str, left: bool) -> None:
        group = f"Logs: {{Type: 'AWS::Logs::LogGroup', DeletionPolicy: {policy}, Properties: "
        with pytest.raises(TemplateError, match="Bus"):
            account.deploy("first", group + "{LogGroupName: /made}}" + self.FAILS)
        found = account.cloud.client("logs").describe_log_groups(logGroupNamePrefix="/made")
        assert bool(found["logGroups"]) is left

    @pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
    def test_retained_resources_stay_when_the_whole_stack_is_deleted(
        self, account: Account, policy: str
    ) -> None:
        group = f"Logs: {{Type: 'AWS::Logs::LogGroup', DeletionPolicy: {policy}, Properties: "
        account.cloud.delete_stack(account.deploy("first", group + "{LogGroupName: /made}}"))
        found = account.cloud.client("logs").describe_log_groups(logGroupNamePrefix="/made")
        assert found["logGroups"]

    def test_the_stacks_name_is_free_again(self, account: Account) -> None:
        queue = "Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: again}}"
        with pytest.raises(TemplateError):
            account.deploy("first", queue + self.FAILS)
        account.deploy("first", queue)


class TestQuotas:
    """IAM's guide, "IAM and AWS STS quotas": a managed policy has at most 6,144 characters, and all
    inline policies of a role together 10,240; white space is not counted."""

    ROLE = """
    Role:
      Type: AWS::IAM::Role
      Properties:
        AssumeRolePolicyDocument: {Statement: []}
        Policies: [INLINE]
    """

    @pytest.mark.parametrize(("characters", "fits"), [(6_144, True), (6_145, False)])
    def test_a_managed_policy_has_a_maximum_size(
        self, account: Account, characters: int, fits: bool
    ) -> None:
        document = statement_of(characters)
        text = "Policy: {Type: 'AWS::IAM::ManagedPolicy', Properties: {PolicyDocument: DOCUMENT}}"
        template = text.replace("DOCUMENT", json.dumps(document))
        if fits:
            account.deploy("only", template)
            return
        with pytest.raises(TemplateError, match="Cannot exceed quota for PolicySize: 6144"):
            account.deploy("only", template)

    @pytest.mark.parametrize(("characters", "fits"), [(5_120, True), (5_121, False)])
    def test_a_roles_inline_policies_have_a_maximum_size(
        self, account: Account, characters: int, fits: bool
    ) -> None:
        inline = [
            {"PolicyName": name, "PolicyDocument": statement_of(size)}
            for name, size in (("first", 5_120), ("second", characters))
        ]
        template = self.ROLE.replace("INLINE", ", ".join(map(json.dumps, inline)))
        if fits:
            account.deploy("only", template)
            return
        with pytest.raises(TemplateError, match="Maximum policy size of 10240 bytes exceeded"):
            account.deploy("only", template)


def statement_of(characters: int) -> dict[str, Any]:
    """A policy with this many characters, without white space."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    size = len(json.dumps(document, separators=(",", ":")))
    statement["Resource"] += "x" * (characters - size)
    return document
