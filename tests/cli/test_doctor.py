"""`bivouac doctor`: each check as it passes, as it fails with its mend, and as it cannot know."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest

from bivouac_cli import __version__
from bivouac_cli.doctor import quotas
from bivouac_cli.doctor.account import Account
from bivouac_cli.doctor.examination import SERVICE_LINKED_ROLE, Examination
from bivouac_cli.doctor.finding import Finding, Verdict, finding_lines
from bivouac_cli.ending import CommandError, Exit, NoRegionError
from bivouac_cli.screen import Screen
from tests.cli.commanding import Terminal, ran

REGION = "eu-west-1"
CALLER = "arn:aws:sts::123456789012:assumed-role/dev/ann"
ROLE = "arn:aws:iam::123456789012:role/team/dev"
TASK_ROLE = "arn:aws:iam::123456789012:role/shop"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:bivouac"
PARAMETERS = {
    "NamePrefix": "bivouac",
    "VpcId": "vpc-1",
    "SubnetIds": "subnet-1",
    "AllowedSubnetIds": "",
    "AssignPublicIp": "ENABLED",
    "ProofImage": "public.ecr.aws/docker/library/python:3.13-alpine",
    "TaskSecurityGroupId": "",
    "AllowedTaskRoleArns": "",
    "AllowedExecutionRoleArns": "",
    "PermissionsBoundaryArn": "",
    "DefaultLease": "8h",
    "MaximumLease": "7d",
    "NamespaceQuota": "50",
    "AlarmTopicArn": TOPIC,
}
OUTPUTS = {
    "Version": __version__,
    "DescribeEnvironmentsFunctionName": "bivouac-describe",
    "ProbeSecurityGroupId": "sg-probe",
    "OperatorPolicyArn": "arn:operator",
    "SetupPolicyArn": "arn:setup",
    "CreateEnvironmentStateMachineArn": f"{MACHINE}-create-environment",
    "RedeployEnvironmentStateMachineArn": f"{MACHINE}-redeploy-environment",
    "DeleteEnvironmentStateMachineArn": f"{MACHINE}-delete-environment",
    "SleepEnvironmentStateMachineArn": f"{MACHINE}-sleep-environment",
    "WakeEnvironmentStateMachineArn": f"{MACHINE}-wake-environment",
    "ExtendLeaseStateMachineArn": f"{MACHINE}-extend-lease",
}
TRUSTING = {"Statement": [{"Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}


def stack(status: str = "UPDATE_COMPLETE", **parameters: str) -> dict[str, Any]:
    return {
        "StackId": f"arn:aws:cloudformation:{REGION}:123456789012:stack/bivouac/1",
        "StackStatus": status,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in {**PARAMETERS, **parameters}.items()
        ],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()],
    }


def table(*routes: dict[str, Any], **association: Any) -> dict[str, Any]:
    return {
        "RouteTableId": "rtb-1",
        "Routes": [LOCAL, *routes],
        "Associations": [association or {"Main": True}],
    }


def endpoint(service: str) -> dict[str, Any]:
    gateway = service == "s3"
    return {
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "VpcEndpointType": "Gateway" if gateway else "Interface",
        "RouteTableIds": ["rtb-1"] if gateway else [],
    }


@pytest.fixture
def account() -> Any:
    """In which everything works."""
    made = mock.create_autospec(Account, instance=True)
    made.region = REGION
    made.caller.return_value = CALLER
    made.stack.return_value = stack()
    made.stacks_of_bivouac.return_value = ["bivouac"]
    made.regions_with.return_value = []
    made.role.side_effect = {
        "dev": {"Arn": ROLE},
        SERVICE_LINKED_ROLE: {"Arn": "arn:aws:iam::123456789012:role/aws-service-role"},
        "shop": {"Arn": TASK_ROLE, "AssumeRolePolicyDocument": TRUSTING},
    }.get
    made.policy.return_value = {"Arn": BOUNDARY}
    made.denied.return_value = set()
    made.quota.return_value = 1000.0
    made.namespaces.return_value = 3
    made.subnets.return_value = [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]
    made.route_tables.return_value = [table(INTERNET)]
    made.endpoints.return_value = []
    made.security_group.return_value = {"VpcId": "vpc-1", "IpPermissions": []}
    made.topic.return_value = {"SubscriptionsConfirmed": "1"}
    return made


def found(account: Any, check: str, **answers: str) -> Finding:
    """The worst of what the check finds. `answers`: of a stack that is not deployed yet."""
    given = {**PARAMETERS, **answers} if answers else None
    findings = [
        each for each in Examination(account, "bivouac", given).findings() if each.check == check
    ]
    return next((each for each in findings if each.verdict is not Verdict.OK), findings[0])


def test_an_account_in_which_everything_works_is_said_to(account: Any) -> None:
    findings = list(Examination(account, "bivouac").findings())
    assert {each.verdict for each in findings} == {Verdict.OK}
    assert [each.check for each in findings] == [
        *("credentials", "stack", "version", "rights", "service-linked role"),
        *("Lambda concurrent executions", "Fargate On-Demand vCPUs", "Cloud Map namespaces"),
        *("subnets", "DefaultLease", "alarms"),
    ]
    assert findings[0].reason == f"{CALLER} in {REGION}"


class TestCallers:
    def test_without_credentials_nothing_else_is_asked(self, account: Any) -> None:
        account.caller.side_effect = CommandError(Exit.NOT_FOUND, "There are no AWS credentials")
        first, *rest = Examination(account, "bivouac").findings()
        assert (first.check, first.verdict) == ("credentials", Verdict.NG)
        assert {(each.verdict, each.reason) for each in rest} == {
            (Verdict.SKIPPED, "not without credentials")
        }
        account.stack.assert_not_called()

    def test_without_a_region_nothing_else_is_asked(self, account: Any) -> None:
        account.caller.side_effect = NoRegionError
        first, *_ = Examination(account, "bivouac").findings()
        assert (first.check, first.verdict) == ("region", Verdict.NG)
        assert first.mend == "bivouac doctor --region REGION"
        account.stack.assert_not_called()

    def test_a_right_that_is_denied_is_named_with_its_commands(self, account: Any) -> None:
        account.denied.side_effect = lambda principal, actions, resource, cluster: (
            {"states:StartExecution"} & actions if resource.endswith("sleep-environment") else set()
        )
        lacking = found(account, "rights")
        assert lacking.verdict is Verdict.NG
        assert lacking.reason == "not allowed: sleep (states:StartExecution)"
        assert (
            lacking.mend == "aws iam attach-role-policy --role-name dev --policy-arn arn:operator"
        )
        (principal, *_), _ = account.denied.call_args
        assert principal == ROLE

    def test_a_user_who_may_read_no_services_gets_the_policy_for_it(self, account: Any) -> None:
        account.caller.return_value = "arn:aws:iam::123456789012:user/team/ann"
        account.denied.side_effect = lambda principal, actions, resource, cluster: (
            {"ecs:ListServices"} & actions
        )
        lacking = found(account, "rights")
        assert lacking.reason == "not allowed: init (ecs:ListServices)"
        assert lacking.mend == "aws iam attach-user-policy --user-name ann --policy-arn arn:setup"

    def test_rights_that_may_not_be_asked_for_cannot_be_known(self, account: Any) -> None:
        account.denied.side_effect = CommandError(
            Exit.NOT_FOUND, "AWS refused SimulatePrincipalPolicy: not authorized"
        )
        unknown = found(account, "rights")
        assert unknown.verdict is Verdict.SKIPPED
        assert unknown.reason.startswith("cannot be known: AWS refused SimulatePrincipalPolicy")


class TestStacks:
    def test_a_stack_that_is_not_there_is_deployed(self, account: Any) -> None:
        account.stack.return_value = None
        missing = found(account, "stack")
        assert missing.reason == "there is no stack named bivouac in eu-west-1"
        assert missing.mend == "make deploy"
        skipped = found(account, "subnets")
        assert skipped.reason == "cannot be known: there is no stack bivouac"

    def test_two_stacks_of_other_names_are_offered(self, account: Any) -> None:
        account.stack.return_value = None
        account.stacks_of_bivouac.return_value = ["team-a", "team-b"]
        missing = found(account, "stack")
        assert missing.reason.endswith("but team-a, team-b")
        assert missing.mend.splitlines() == [
            "bivouac doctor --stack team-a",
            "bivouac doctor --stack team-b",
        ]

    def test_a_wrong_region_is_named_with_the_right_one(self, account: Any) -> None:
        account.stack.return_value = None
        account.regions_with.return_value = ["eu-central-1"]
        wrong = found(account, "region")
        assert wrong.verdict is Verdict.NG
        assert wrong.reason == "the stack bivouac is in eu-central-1, and this is eu-west-1"
        assert wrong.mend == "bivouac doctor --region eu-central-1"

    def test_before_a_first_deployment_only_one_elsewhere_is_named(self, account: Any) -> None:
        account.stack.return_value = None
        checks = [each.check for each in Examination(account, "bivouac", PARAMETERS).findings()]
        assert not {"stack", "region", "version", "rights"} & set(checks)
        account.regions_with.return_value = ["eu-central-1"]
        assert found(account, "region", **PARAMETERS).verdict is Verdict.NG

    @pytest.mark.parametrize(
        ("status", "mend"),
        [
            ("ROLLBACK_COMPLETE", "delete-stack"),
            ("DELETE_FAILED", "delete-stack"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ],
    )
    def test_a_stack_that_cannot_be_updated_says_how_to_go_on(
        self, account: Any, status: str, mend: str
    ) -> None:
        account.stack.return_value = stack(status)
        stuck = found(account, "stack", **PARAMETERS)
        assert (stuck.verdict, status in stuck.reason) == (Verdict.NG, True)
        assert f"aws cloudformation {mend}" in stuck.mend

    @pytest.mark.parametrize(
        ("version", "mend"), [("0.0.9", "make deploy"), (None, "make deploy"), ("9.0", "pip")]
    )
    def test_another_version_says_which_side_is_to_be_renewed(
        self, account: Any, version: str | None, mend: str
    ) -> None:
        other = stack()
        other["Outputs"] = [each for each in other["Outputs"] if each["OutputKey"] != "Version"]
        if version:
            other["Outputs"] += [{"OutputKey": "Version", "OutputValue": version}]
        account.stack.return_value = other
        assert found(account, "version").verdict is Verdict.NG
        assert found(account, "version").mend.startswith(mend)


def test_a_stack_of_another_version_is_examined_as_far_as_it_goes(account: Any) -> None:
    older = stack()
    older["Outputs"] = []
    older["Parameters"] = [
        each for each in older["Parameters"] if each["ParameterKey"] != "ProofImage"
    ]
    account.stack.return_value = older
    assert found(account, "rights").reason.endswith("it is of another version")
    subnets = found(account, "subnets")
    assert subnets.reason == (
        "cannot be known: the stack has no ProofImage: it is of another version"
    )
    assert found(account, "DefaultLease").verdict is Verdict.OK


def test_a_question_that_is_refused_hides_no_other_answer(account: Any) -> None:
    refused = CommandError(Exit.NOT_FOUND, "AWS refused GetServiceQuota: not authorized")
    account.quota.side_effect = [refused, 6.0, refused]
    by_check = {each.check: each for each in Examination(account, "bivouac").findings()}
    quotas_found = [
        by_check[each.name].verdict for each in (quotas.LAMBDA, quotas.FARGATE, quotas.NAMESPACES)
    ]
    assert quotas_found == [Verdict.SKIPPED, Verdict.NG, Verdict.SKIPPED]


def test_a_missing_service_linked_role_is_made(account: Any) -> None:
    account.role.side_effect = {"dev": {"Arn": ROLE}}.get
    missing = found(account, "service-linked role")
    assert missing.verdict is Verdict.NG
    assert missing.mend.startswith("aws iam create-service-linked-role")


class TestQuotas:
    @pytest.mark.parametrize("quota", [quotas.LAMBDA, quotas.FARGATE])
    def test_what_a_new_account_has_is_too_little(self, account: Any, quota: quotas.Quota) -> None:
        account.quota.side_effect = lambda service, code: (
            quota.too_little if (service, code) == (quota.service, quota.code) else 1000
        )
        little = found(account, quota.name)
        assert little.verdict is Verdict.NG
        assert f"--service-code {quota.service} --quota-code {quota.code}" in little.mend

    def test_used_up_namespaces_are_named(self, account: Any) -> None:
        account.quota.return_value = 50
        account.namespaces.return_value = 50
        assert found(account, quotas.NAMESPACES.name).reason.endswith("none is left")

    def test_a_parameter_above_the_quota_is_lowered(self, account: Any) -> None:
        account.quota.return_value = 40
        higher = found(account, quotas.NAMESPACES.name)
        assert "NamespaceQuota says 50" in higher.reason
        assert higher.mend == "make deploy SET=NamespaceQuota=40"

    def test_they_are_asked_without_a_stack_too(self, account: Any) -> None:
        account.stack.return_value = None
        assert found(account, quotas.NAMESPACES.name).verdict is Verdict.OK


class TestSubnets:
    def test_a_public_one_needs_public_addresses(self, account: Any) -> None:
        account.stack.return_value = stack(AssignPublicIp="DISABLED")
        closed = found(account, "subnets")
        assert closed.verdict is Verdict.NG
        assert closed.mend == "make deploy SET=AssignPublicIp=ENABLED"

    def test_a_private_one_needs_a_nat_gateway(self, account: Any) -> None:
        account.stack.return_value = stack(AssignPublicIp="DISABLED")
        account.route_tables.return_value = [table(INTERNET), table(NAT, SubnetId="subnet-1")]
        assert found(account, "subnets").reason.endswith("a way out through nat-1")

    def test_a_deleted_nat_gateway_leaves_a_black_hole(self, account: Any) -> None:
        account.route_tables.return_value = [table({**NAT, "State": "blackhole"})]
        hole = found(account, "subnets")
        assert hole.verdict is Verdict.NG
        assert hole.mend.startswith("aws ec2 replace-route")

    def test_without_a_way_out_the_missing_endpoints_are_named(self, account: Any) -> None:
        account.route_tables.return_value = [table()]
        account.endpoints.return_value = [endpoint("ecr.api"), endpoint("logs")]
        closed = found(account, "subnets")
        assert "no endpoint for ecr.dkr, s3" in closed.reason
        interface, gateway = closed.mend.splitlines()
        assert interface.endswith("--vpc-endpoint-type Interface --subnet-ids subnet-1")
        assert gateway.endswith("--vpc-endpoint-type Gateway --route-table-ids rtb-1")

    def test_endpoints_reach_private_images_only(self, account: Any) -> None:
        account.route_tables.return_value = [table()]
        account.endpoints.return_value = [
            endpoint(service) for service in ("ecr.api", "ecr.dkr", "logs", "s3")
        ]
        public = found(account, "subnets")
        assert public.verdict is Verdict.NG
        assert "public.ecr.aws" in public.reason
        ours = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:3.13"
        account.stack.return_value = stack(ProofImage=ours)
        assert found(account, "subnets").verdict is Verdict.OK

    def test_those_that_requests_may_name_are_looked_at_too(self, account: Any) -> None:
        account.stack.return_value = stack(AllowedSubnetIds="subnet-2, subnet-3")
        findings = Examination(account, "bivouac").findings()
        reasons = [each.reason for each in findings if each.check == "subnets"]
        assert [reason.split(" in ")[0] for reason in reasons[1:]] == [
            "there is no subnet-2",
            "there is no subnet-3",
        ]

    def test_one_of_another_region_or_vpc_is_named(self, account: Any) -> None:
        account.subnets.return_value = []
        assert "there is no subnet-1 in eu-west-1" in found(account, "subnets").reason
        account.subnets.return_value = [{"SubnetId": "subnet-1", "VpcId": "vpc-2"}]
        assert found(account, "subnets").reason == "subnet-1 is in vpc-2, and VpcId is vpc-1"


class TestParameters:
    @pytest.mark.parametrize("parameter", ["AllowedTaskRoleArns", "AllowedExecutionRoleArns"])
    def test_a_role_must_be_there_and_trust_tasks(self, account: Any, parameter: str) -> None:
        assert found(account, parameter, **{parameter: TASK_ROLE}).verdict is Verdict.OK
        missing = found(account, parameter, **{parameter: f"{TASK_ROLE},{TASK_ROLE}-gone"})
        assert missing.reason == f"there is no role {TASK_ROLE}-gone"
        assert missing.mend == f"make deploy SET={parameter}="
        account.role.side_effect = lambda name: {
            "Arn": TASK_ROLE,
            "AssumeRolePolicyDocument": "%7B%22Statement%22%3A%7B%22Sid%22%3A%22lambda%22%7D%7D",
        }
        distrusting = found(account, parameter, **{parameter: TASK_ROLE})
        command, _, policy = distrusting.mend.partition(" --policy-document ")
        assert command == "aws iam update-assume-role-policy --role-name shop"
        kept, admitted = json.loads(policy.strip("'"))["Statement"]
        assert kept == {"Sid": "lambda"}
        assert admitted["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}

    def test_a_security_group_admits_the_probe(self, account: Any) -> None:
        account.stack.return_value = stack(TaskSecurityGroupId="sg-1")
        closed = found(account, "TaskSecurityGroupId")
        assert closed.reason.startswith("sg-1 does not admit sg-probe")
        assert closed.mend.endswith("--source-group sg-probe")
        rule = {"UserIdGroupPairs": [{"GroupId": "sg-probe"}]}
        account.security_group.return_value = {"VpcId": "vpc-1", "IpPermissions": [rule]}
        assert found(account, "TaskSecurityGroupId").verdict is Verdict.OK

    @pytest.mark.parametrize("described", [None, {"VpcId": "vpc-2"}])
    def test_a_security_group_is_in_the_vpc(self, account: Any, described: Any) -> None:
        account.security_group.return_value = described
        wrong = found(account, "TaskSecurityGroupId", TaskSecurityGroupId="sg-1")
        assert wrong.verdict is Verdict.NG
        assert "VpcId is vpc-1" in wrong.reason

    def test_the_default_lease_is_no_longer_than_the_longest(self, account: Any) -> None:
        long = found(account, "DefaultLease", DefaultLease="8d")
        assert long.mend == "make deploy SET=DefaultLease=7d"

    def test_a_permissions_boundary_is_there(self, account: Any) -> None:
        assert found(account, "PermissionsBoundaryArn", PermissionsBoundaryArn=BOUNDARY)
        account.policy.return_value = None
        gone = found(account, "PermissionsBoundaryArn", PermissionsBoundaryArn=BOUNDARY)
        assert gone.reason == f"there is no policy {BOUNDARY}"


class TestAlarms:
    def test_they_need_a_topic(self, account: Any) -> None:
        account.stack.return_value = stack(AlarmTopicArn="")
        mute = found(account, "alarms")
        assert mute.verdict is Verdict.NG
        assert mute.mend.startswith("aws sns create-topic")
        account.topic.assert_not_called()

    def test_the_topic_is_there_and_somebody_listens(self, account: Any) -> None:
        account.topic.return_value = None
        assert f"there is no {TOPIC}" in found(account, "alarms").reason
        account.topic.return_value = {"SubscriptionsConfirmed": "0"}
        assert found(account, "alarms").mend.startswith("aws sns subscribe")


def test_a_finding_is_a_line_and_a_mend_for_each_command() -> None:
    finding = Finding("alarms", Verdict.NG, "no topic", "aws sns create-topic\nmake deploy")
    assert list(finding_lines([finding])) == [
        "NG       alarms: no topic",
        "         mend: aws sns create-topic",
        "         mend: make deploy",
    ]


def test_as_markdown_it_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    Screen("markdown").findings([Finding("alarms", Verdict.NG, "no topic", "make deploy")])
    assert capsys.readouterr().out.splitlines() == [
        "| check | verdict | reason | mend |",
        "| --- | --- | --- | --- |",
        "| alarms | NG | no topic | make deploy |",
    ]


@pytest.mark.xdist_group("command-line")
class TestOnTheLocalCloud:
    def test_a_deployed_stack_is_examined_with_the_policy_for_it(self, terminal: Terminal) -> None:
        done = terminal("doctor", "--output", "json")
        assert done.exit_code == 1, done
        verdicts = {each["check"]: each["verdict"] for each in done.json}
        assert verdicts["credentials"] == "OK"
        assert verdicts["stack"] == "OK"
        assert verdicts["version"] == "OK"
        assert verdicts["service-linked role"] == "OK"
        assert verdicts["subnets"] == "OK"
        assert verdicts["AllowedTaskRoleArns"] == "OK"
        assert verdicts["DefaultLease"] == "OK"
        assert verdicts["alarms"] == "NG"
        plain = terminal("doctor")
        assert "NG       alarms: no topic" in plain.answer
        assert "\x1b" not in plain.answer

    def test_what_the_caller_may_not_ask_is_skipped_with_the_right(
        self, terminal: Terminal
    ) -> None:
        done = terminal.of("Viewer", "doctor", "--output", "json")
        by_check = {each["check"]: each for each in done.json}
        assert by_check["stack"]["verdict"] == "OK"
        assert by_check["subnets"]["verdict"] == "SKIPPED"
        assert "ec2:DescribeSubnets" in by_check["subnets"]["reason"]

    def test_another_stack_is_not_there(self, terminal: Terminal) -> None:
        done = terminal("doctor", "--stack", "elsewhere")
        assert done.exit_code == 1
        assert "NG       stack: there is no stack named elsewhere in ap-northeast-1" in done.answer


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--region", "eu-west-1"], "NG       credentials: There are no AWS credentials"),
        ([], "NG       region: No Region is set"),
        (["--profile", "nobody"], "NG       credentials: The config profile (nobody) could not"),
    ],
)
def test_what_is_missing_is_said_first(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Any,
    words: list[str],
    line: str,
) -> None:
    for name in (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"),
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = ran(capsys, "doctor", *words)
    assert done.exit_code == 1
    assert done.answer.startswith(line)
    assert "SKIPPED  stack: not without " in done.answer
