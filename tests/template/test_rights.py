"""Least privilege: each right is scoped as far as IAM can scope it.

What IAM can scope was read from the Service Authorization Reference of June 2026.
"""

from __future__ import annotations

import re
from itertools import groupby

import pytest

from bivouac_cli.rights import JOBS, RIGHTS
from tests.template.declared import TEMPLATE, TEMPLATE_TEXT, functions, resources
from tests.template.rights import (
    Statement,
    all_statements,
    policies_of_people,
    statements_of_policy,
)

STATEMENTS = all_statements()

CLUSTER = "ecs:cluster"
OUR_TAG = "aws:RequestTag/bivouac:stack"
UNSCOPED = {
    "cloudformation:ListStacks": None,
    "ec2:DescribeNetworkInterfaces": None,
    "ec2:DescribeRegions": None,
    "ec2:DescribeRouteTables": None,
    "ec2:DescribeSecurityGroups": None,
    "ec2:DescribeSubnets": None,
    "ec2:DescribeVpcEndpoints": None,
    "ecs:DeregisterTaskDefinition": None,
    "ecs:DescribeTaskDefinition": None,
    "ecs:ListClusters": None,
    "ecs:ListServices": CLUSTER,
    "ecs:ListTaskDefinitionFamilies": None,
    "ecs:ListTaskDefinitions": None,
    "ecs:ListTasks": CLUSTER,
    "scheduler:ListSchedules": None,
    "servicediscovery:CreateHttpNamespace": OUR_TAG,
    "servicediscovery:GetOperation": None,
    "servicediscovery:ListNamespaces": None,
    "servicediscovery:ListServices": None,
    "servicediscovery:ListTagsForResource": None,
    "servicediscovery:TagResource": OUR_TAG,
    "servicequotas:GetServiceQuota": None,
    "logs:CreateLogDelivery": None,
    "logs:DeleteLogDelivery": None,
    "logs:DescribeLogGroups": None,
    "logs:DescribeResourcePolicies": None,
    "logs:GetLogDelivery": None,
    "logs:ListLogDeliveries": None,
    "logs:PutResourcePolicy": None,
    "logs:UpdateLogDelivery": None,
    "xray:GetSamplingRules": None,
    "xray:GetSamplingTargets": None,
    "xray:PutTelemetryRecords": None,
    "xray:PutTraceSegments": None,
}
"""Actions that IAM cannot scope to our resources -> the condition that must limit them instead.

GetOperation can be scoped to a namespace, but nobody knows it before the operation has ended."""

TAGGED_WHEN_CHANGED = re.compile(r"(ecs|servicediscovery|logs):(Update|Delete)\w+")
BY_HOLDER = {
    holder: list(statements)
    for holder, statements in groupby(STATEMENTS, key=lambda each: each.holder)
}
"""Not a test for each statement: two thousand tests cost more than what they look at."""


def condition_keys(statement: Statement) -> set[str]:
    return {key for operator in statement.condition.values() for key in operator}


@pytest.mark.parametrize("statements", BY_HOLDER.values(), ids=BY_HOLDER)
class TestEveryStatement:
    """Of one function, role or policy."""

    def test_each_statement_names_whole_actions(self, statements: list[Statement]) -> None:
        for statement in statements:
            for action in statement.actions:
                assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), action

    def test_each_statement_is_scoped_if_iam_can_scope_it(
        self, statements: list[Statement]
    ) -> None:
        for statement in statements:
            if not statement.is_unscoped:
                continue
            assert statement.resources == ["*"], str(statement)
            for action in statement.actions:
                assert action in UNSCOPED, action
                if needed := UNSCOPED[action]:
                    assert needed in condition_keys(statement), f"{action} without {needed}"

    def test_a_statement_is_not_scoped_if_iam_cannot_scope_it(
        self, statements: list[Statement]
    ) -> None:
        """A statement with an ARN never covers an action without a resource type."""
        for statement in statements:
            if not statement.is_unscoped:
                assert set(statement.actions).isdisjoint(UNSCOPED), str(statement)

    def test_each_role_is_passed_to_one_service_only(self, statements: list[Statement]) -> None:
        for statement in statements:
            if "iam:PassRole" not in statement.actions:
                continue
            assert statement.actions == ["iam:PassRole"], str(statement)
            assert statement.condition["StringEquals"]["iam:PassedToService"] in (
                "ecs-tasks.amazonaws.com",
                "scheduler.amazonaws.com",
            ), str(statement)

    def test_only_resources_with_our_tag_can_be_changed(self, statements: list[Statement]) -> None:
        """D18; ECS creates its Cloud Map services with its own tag only."""
        tags = {"aws:ResourceTag/bivouac:stack", "aws:ResourceTag/AmazonECSManaged"}
        for statement in statements:
            for action in statement.actions:
                if TAGGED_WHEN_CHANGED.fullmatch(action) and not statement.is_unscoped:
                    assert condition_keys(statement) & tags, action

    def test_no_foreign_resource_can_be_tagged_as_ours(self, statements: list[Statement]) -> None:
        """D18: tags are set at creation, and on resources that have them already."""
        for statement in statements:
            if "ecs:TagResource" in statement.actions:
                needed = {"ecs:CreateAction", "aws:ResourceTag/bivouac:stack"}
                assert condition_keys(statement) & needed, str(statement)

    def test_only_resources_with_our_tag_can_be_created(self, statements: list[Statement]) -> None:
        for statement in statements:
            for action in statement.actions:
                if re.fullmatch(r"ecs:(Create\w+|RegisterTaskDefinition)", action):
                    assert OUR_TAG in condition_keys(statement), action

    def test_it_tags_only_as_ours(self, statements: list[Statement]) -> None:
        for statement in statements:
            for action in ("logs:CreateLogGroup", "logs:TagResource"):
                if action in statement.actions and statement.holder == "CreateLogGroupsFunction":
                    assert OUR_TAG in condition_keys(statement), str(statement)

    def test_its_arns_are_of_any_partition_and_of_this_account(
        self, statements: list[Statement]
    ) -> None:
        for statement in statements:
            for resource in statement.resources:
                if isinstance(resource, dict) and "Fn::Sub" in resource:
                    arn = resource["Fn::Sub"]
                    if re.fullmatch(r"\$\{\w+\.Arn\}:\*", arn):
                        continue  # the versions of a function of the stack
                    assert arn.startswith("arn:${AWS::Partition}:"), arn
                    assert ":${AWS::AccountId}:" in arn, arn


class TestPeople:
    def test_a_policy_has_the_rights_of_its_commands_and_no_others(self) -> None:
        assert policies_of_people() == [f"{job}Policy" for job in JOBS]
        for job, commands in JOBS.items():
            granted = {
                action for each in statements_of_policy(f"{job}Policy") for action in each.actions
            }
            assert granted == frozenset().union(*(RIGHTS[command] for command in commands)), job

    def test_no_policy_has_a_fixed_name(self) -> None:
        """And CAPABILITY_IAM is enough to deploy them."""
        for policy in policies_of_people():
            assert "ManagedPolicyName" not in TEMPLATE["Resources"][policy]["Properties"]


class TestRecords:
    @pytest.mark.parametrize(
        ("function", "written"),
        [
            ("RegisterTaskDefinitionsFunction", {"taskDefinitions"}),
            ("ExtendLeaseFunction", {"expiresAt", "extension"}),
        ],
    )
    def test_whoever_writes_a_field_or_two_may_write_no_others(
        self, function: str, written: set[str]
    ) -> None:
        """Besides, the key, and what the conditions of a write name."""
        (statement,) = [
            each
            for each in STATEMENTS
            if each.holder == function and "dynamodb:UpdateItem" in each.actions
        ]
        assert statement.actions == ["dynamodb:UpdateItem"]
        attributes = set(statement.condition["ForAllValues:StringEquals"]["dynamodb:Attributes"])
        read = {"environment", "generation", "intents", "status"}
        assert written <= attributes <= written | read


class TestServices:
    @pytest.mark.parametrize("action", ["ecs:CreateService", "ecs:UpdateService"])
    def test_they_run_in_the_stacks_subnets_and_have_a_shell_only_if_it_may(
        self, action: str
    ) -> None:
        """What Check request decides, IAM enforces, too: docs/security.md."""
        (statement,) = [
            each
            for each in STATEMENTS
            if action in each.actions and each.holder == "CreateServicesFunction"
        ]
        subnets = statement.condition["ForAllValues:StringEquals"]["ecs:subnet"]
        assert "SubnetIds" in str(subnets)
        assert "AllowedSubnetIds" in str(subnets)
        shell = statement.condition["StringEqualsIfExists"]["ecs:enable-execute-command"]
        assert shell == {"Fn::If": ["MayExec", ["true", "false"], "false"]}

    def test_their_tasks_are_stopped_by_our_tag(self) -> None:
        """But for what others have started in our cluster, once its services are gone."""
        stopping = [each for each in STATEMENTS if "ecs:StopTask" in each.actions]
        assert {each.holder: condition_keys(each) for each in stopping} == {
            "DeleteServicesFunction": {"aws:ResourceTag/bivouac:stack"},
            "DeleteClusterFunction": set(),
        }


class TestPassingRoles:
    def test_functions_that_give_tasks_roles_may_pass_the_stacks_roles(self) -> None:
        """Registering a definition, and creating and updating a service that runs it, authorise
        iam:PassRole (Service Authorization Reference, operations of Amazon ECS)."""
        giving = {"ecs:RegisterTaskDefinition", "ecs:CreateService", "ecs:UpdateService"}
        givers = {each.holder for each in STATEMENTS if giving & set(each.actions)}
        passed: dict[str, list[str]] = {}
        for statement in STATEMENTS:
            to = statement.condition.get("StringEquals", {}).get("iam:PassedToService")
            if to == "ecs-tasks.amazonaws.com":
                passed.setdefault(statement.holder, []).extend(map(str, statement.resources))
        assert passed.keys() == givers
        for holder, roles in passed.items():
            assert roles == [
                str({"Fn::GetAtt": ["TaskExecutionRole", "Arn"]}),
                str({"Ref": "AllowedExecutionRoleArns"}),
                str({"Ref": "AllowedTaskRoleArns"}),
            ], holder


class TestWholeTemplate:
    def test_every_unscoped_right_is_explained_beside_it(self) -> None:
        lines = TEMPLATE_TEXT.splitlines()
        unexplained = []
        for number, line in enumerate(lines):
            if line.strip() == 'Resource: "*"':
                first = next(n for n in range(number, 0, -1) if "- Effect: Allow" in lines[n])
                if not lines[first - 1].strip().startswith("# "):
                    unexplained.append(first + 1)
        assert unexplained == []

    def test_every_listed_exception_is_still_needed(self) -> None:
        used = {action for each in STATEMENTS if each.is_unscoped for action in each.actions}
        assert used == set(UNSCOPED)

    def test_no_partition_is_written_out(self) -> None:
        assert "arn:aws:" not in TEMPLATE_TEXT

    @pytest.mark.parametrize(
        "function", ["ProbePrivateAddressesFunction", "ProbePublicAddressesFunction"]
    )
    def test_the_probes_have_no_rights_and_no_table(self, function: str) -> None:
        """P11: they get addresses, and reach nothing else."""
        properties = functions()[function]
        assert "Policies" not in properties
        assert "Role" not in properties
        assert "TABLE_NAME" not in properties["Environment"]["Variables"]

    def test_every_role_has_the_permissions_boundary(self) -> None:
        for name, role in resources("AWS::IAM::Role").items():
            assert "PermissionsBoundary" in role["Properties"], name
        for name, properties in functions().items():
            assert "PermissionsBoundary" in properties, name

    def test_every_role_can_be_assumed_for_this_account_only(self) -> None:
        """The confused deputy: a service acts only for this account."""
        for name, role in resources("AWS::IAM::Role").items():
            (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            conditions = statement["Condition"]["StringEquals"]
            assert conditions["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, name

    @pytest.mark.parametrize(
        ("role", "group"),
        [("ExpiryRole", "ExpirySchedules"), ("OfficeHoursRole", "OfficeHoursSchedules")],
    )
    def test_scheduler_takes_a_role_for_the_schedules_of_one_group_only(
        self, role: str, group: str
    ) -> None:
        properties = resources("AWS::IAM::Role")[role]["Properties"]
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
        conditions = statement["Condition"]["StringEquals"]
        assert conditions["aws:SourceArn"] == {"Fn::GetAtt": [group, "Arn"]}
