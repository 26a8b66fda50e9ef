"""A SAM template becomes resources of the local cloud."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from localcloud.cloud import LocalCloud
from localcloud.template import Stack, TemplateError
from localcloud.template.intrinsics import Intrinsics
from localcloud.template.parameters import checked_parameters, value_of

DATA = Path(__file__).parent / "data"


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(runtime="scripted", port=0) as cloud:
        yield cloud


class Written:
    """A template of one test."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "template.yaml"
        shutil.copytree(DATA / "hello" / "functions", directory / "functions")

    def deploy(self, cloud: LocalCloud, text: str, **parameters: str) -> Stack:
        head = "Transform: AWS::Serverless-2016-10-31\n"
        self._path.write_text(head + textwrap.dedent(text))
        return cloud.deploy(self._path, parameters, name="stack")


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


class TestParameters:
    DECLARED: ClassVar[dict[str, Any]] = {
        "Prefix": {
            "Type": "String",
            "AllowedPattern": "^[a-z]+$",
            "ConstraintDescription": "lower-case letters",
        },
        "Days": {"Type": "Number", "Default": 14, "MinValue": 1, "MaxValue": 90},
        "Public": {
            "Type": "String",
            "Default": "ENABLED",
            "AllowedValues": ["ENABLED", "DISABLED"],
        },
        "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>", "Default": "a, b"},
        "Short": {"Type": "String", "Default": "abc", "MinLength": 2, "MaxLength": 4},
    }

    def test_parameters_have_defaults(self) -> None:
        values = checked_parameters(self.DECLARED, {"Prefix": "demo"})
        assert values == {
            "Prefix": "demo",
            "Days": "14",
            "Public": "ENABLED",
            "Subnets": "a, b",
            "Short": "abc",
        }
        assert value_of(self.DECLARED["Subnets"], values["Subnets"]) == ["a", "b"]
        assert value_of({"Type": "CommaDelimitedList"}, "") == []

    def test_all_parameter_problems_are_reported_at_once(self) -> None:
        given = {
            "Prefix": "Demo",
            "Days": "91",
            "Public": "MAYBE",
            "Short": "abcde",
            "Colour": "red",
        }
        with pytest.raises(TemplateError) as refused:
            checked_parameters(self.DECLARED, given)
        for problem in (
            "there is no parameter Colour",
            "parameter Prefix must match ^[a-z]+$, which 'Demo' does not (lower-case letters)",
            "parameter Days must be at most 90, not 91",
            "parameter Public must be one of ['ENABLED', 'DISABLED'], not 'MAYBE'",
            "parameter Short must have at most 4 characters",
        ):
            assert problem in str(refused.value)

    def test_a_parameter_without_default_needs_a_value(self) -> None:
        with pytest.raises(TemplateError, match="parameter Prefix has no value"):
            checked_parameters(self.DECLARED, {})


class Names:
    def ref(self, name: str) -> Any:
        return {"Prefix": "demo", "Subnets": ["a", "b"], "AWS::Region": "ap-northeast-1"}[name]

    def attribute(self, logical_id: str, attribute: str) -> str:
        return f"{logical_id}'s {attribute}"


class TestIntrinsics:
    @pytest.fixture
    def intrinsics(self) -> Intrinsics:
        conditions = {
            "IsDemo": {"Fn::Equals": [{"Ref": "Prefix"}, "demo"]},
            "IsNot": {"Fn::Not": [{"Condition": "IsDemo"}]},
            "Both": {"Fn::And": [{"Condition": "IsDemo"}, {"Condition": "IsNot"}]},
            "Either": {"Fn::Or": [{"Condition": "IsDemo"}, {"Condition": "IsNot"}]},
        }
        return Intrinsics(Names(), conditions, {"Sizes": {"small": {"Cpu": 256}}})

    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ({"Ref": "Prefix"}, "demo"),
            ({"Fn::GetAtt": ["Table", "Arn"]}, "Table's Arn"),
            ({"Fn::GetAtt": "Table.Arn"}, "Table's Arn"),
            ({"Fn::Sub": "${Prefix}-${Table.Arn}-${!Literal}"}, "demo-Table's Arn-${Literal}"),
            (
                {"Fn::Sub": ["${Own}-${Prefix}", {"Own": {"Ref": "AWS::Region"}}]},
                "ap-northeast-1-demo",
            ),
            ({"Fn::Join": [",", {"Ref": "Subnets"}]}, "a,b"),
            ({"Fn::Join": ["", [True, 1, "x"]]}, "true1x"),
            ({"Fn::Select": [1, {"Ref": "Subnets"}]}, "b"),
            ({"Fn::Split": ["-", "a-b"]}, ["a", "b"]),
            ({"Fn::If": ["IsDemo", "yes", "no"]}, "yes"),
            ({"Fn::If": ["Both", "yes", "no"]}, "no"),
            ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
            ({"a": {"Fn::If": ["IsNot", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
            ([{"Ref": "AWS::NoValue"}, 1], [1]),
            ({"Fn::FindInMap": ["Sizes", "small", "Cpu"]}, 256),
        ],
    )
    def test_intrinsic_functions(self, intrinsics: Intrinsics, written: Any, value: Any) -> None:
        assert intrinsics.value(written) == value

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ({"Fn::Transform": {}}, "does not know Fn::Transform"),
            ({"Fn::If": ["Nobody", 1, 2]}, "no condition Nobody"),
            ({"Fn::Select": [2, ["a"]]}, "item 2"),
            ({"Fn::FindInMap": ["Sizes", "large", "Cpu"]}, "Sizes has no large.Cpu"),
        ],
    )
    def test_invalid_values_are_errors(
        self, intrinsics: Intrinsics, written: Any, problem: str
    ) -> None:
        with pytest.raises(TemplateError, match=problem):
            intrinsics.value(written)


class TestResources:
    def test_a_function_and_the_machine_that_calls_it(self, cloud: LocalCloud) -> None:
        stack = cloud.deploy(DATA / "hello" / "template.yaml", {"Greeting": "hi"})
        function = stack.functions["GreetFunction"]
        assert function.environment == {"GREETING": "hi"}
        assert function.timeout == 5
        described = cloud.client("lambda").get_function_configuration(FunctionName=function.name)
        assert described["Architectures"] == ["arm64"]
        assert described["Role"] == function.role_arn
        machine = cloud.client("stepfunctions").describe_state_machine(
            stateMachineArn=stack.outputs["Machine"]
        )
        assert json.loads(machine["definition"])["States"]["Greet"]["Resource"] == function.arn
        answer = cloud.client("lambda").invoke(
            FunctionName=function.name, Payload='{"name": "you"}'
        )
        assert json.load(answer["Payload"]) == {"said": "hi you"}

    def test_a_table_is_created(self, cloud: LocalCloud, written: Written) -> None:
        stack = written.deploy(
            cloud,
            """
            Resources:
              Environments:
                Type: AWS::DynamoDB::Table
                Properties:
                  BillingMode: PAY_PER_REQUEST
                  AttributeDefinitions: [{AttributeName: environment, AttributeType: S}]
                  KeySchema: [{AttributeName: environment, KeyType: HASH}]
                  PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
                  SSESpecification: {SSEEnabled: true}
                  TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
            Outputs:
              Arn: {Value: !GetAtt Environments.Arn}
            """,
        )
        dynamodb = cloud.client("dynamodb")
        name = stack.resources["Environments"]
        table = dynamodb.describe_table(TableName=name)["Table"]
        assert table["TableArn"] == stack.outputs["Arn"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        backups = dynamodb.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert expiry["AttributeName"] == "expires"

    def test_roles_get_statements_and_a_boundary(self, cloud: LocalCloud, written: Written) -> None:
        stack = written.deploy(
            cloud,
            """
            Resources:
              Boundary:
                Type: AWS::IAM::ManagedPolicy
                Properties:
                  PolicyDocument:
                    Version: "2012-10-17"
                    Statement: {Effect: Allow, Action: "ecs:*", Resource: "*"}
              Greet:
                Type: AWS::Serverless::Function
                Properties:
                  Handler: greet.handler
                  Runtime: python3.13
                  CodeUri: functions/
                  PermissionsBoundary: !Ref Boundary
                  Policies:
                    - Statement: {Effect: Allow, Action: "ecs:DescribeClusters", Resource: "*"}
            """,
        )
        iam = cloud.client("iam")
        name = stack.resources["GreetRole"]
        role = iam.get_role(RoleName=name)["Role"]
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == stack.resources["Boundary"]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        assert "ecs:DescribeClusters" in json.dumps(document)
        (attached,) = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        assert attached["PolicyName"] == "AWSLambdaBasicExecutionRole"

    def test_queues_logs_alarms_groups_and_rules_are_created(
        self, cloud: LocalCloud, written: Written
    ) -> None:
        stack = written.deploy(
            cloud,
            """
            Parameters:
              Days: {Type: Number, Default: 14}
              VpcId: {Type: "AWS::EC2::VPC::Id"}
            Resources:
              Logs:
                Type: AWS::Logs::LogGroup
                Properties: {LogGroupName: /stack, RetentionInDays: !Ref Days}
              DeadLetters:
                Type: AWS::SQS::Queue
                Properties: {MessageRetentionPeriod: 1209600}
              Admission:
                Type: AWS::SQS::QueuePolicy
                Properties:
                  Queues: [!Ref DeadLetters]
                  PolicyDocument:
                    Statement:
                      Effect: Allow
                      Principal: {Service: events.amazonaws.com}
                      Action: "sqs:SendMessage"
                      Resource: "*"
              Late:
                Type: AWS::CloudWatch::Alarm
                Properties:
                  Namespace: Bivouac
                  MetricName: Late
                  Statistic: Sum
                  Period: 60
                  EvaluationPeriods: "1"
                  Threshold: "0"
                  ComparisonOperator: GreaterThanThreshold
              Expiry:
                Type: AWS::Scheduler::ScheduleGroup
                Properties: {Name: expiry}
              Probe:
                Type: AWS::EC2::SecurityGroup
                Properties: {GroupDescription: the probe, VpcId: !Ref VpcId}
              Tasks:
                Type: AWS::EC2::SecurityGroup
                Properties:
                  GroupDescription: tasks
                  VpcId: !Ref VpcId
                  SecurityGroupIngress:
                    - {IpProtocol: tcp, FromPort: 80, ToPort: 80, SourceSecurityGroupId: !Ref Probe}
                  SecurityGroupEgress:
                    - {IpProtocol: "-1", CidrIp: 0.0.0.0/0}
              Among:
                Type: AWS::EC2::SecurityGroupIngress
                Properties:
                  GroupId: !Ref Tasks
                  IpProtocol: "-1"
                  SourceSecurityGroupId: !Ref Tasks
              Bus:
                Type: AWS::Events::EventBus
                Properties: {Name: bivouac}
              Failed:
                Type: AWS::Events::Rule
                Properties:
                  EventBusName: !Ref Bus
                  EventPattern: {source: [aws.states]}
                  Targets: [{Id: queue, Arn: !GetAtt DeadLetters.Arn}]
            """,
            VpcId=cloud.account.vpc_id,
        )
        (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/stack")[
            "logGroups"
        ]
        assert group["retentionInDays"] == 14
        queue = cloud.client("sqs").get_queue_attributes(
            QueueUrl=stack.resources["DeadLetters"], AttributeNames=["All"]
        )["Attributes"]
        assert queue["MessageRetentionPeriod"] == "1209600"
        assert "sqs:SendMessage" in queue["Policy"]
        (alarm,) = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)
        assert cloud.client("scheduler").get_schedule_group(Name="expiry")["State"] == "ACTIVE"
        (tasks,) = cloud.client("ec2").describe_security_groups(
            GroupIds=[stack.resources["Tasks"]]
        )["SecurityGroups"]
        sources = {
            pair["GroupId"] for rule in tasks["IpPermissions"] for pair in rule["UserIdGroupPairs"]
        }
        assert sources == {stack.resources["Probe"], stack.resources["Tasks"]}
        (target,) = cloud.client("events").list_targets_by_rule(
            Rule=stack.resources["Failed"], EventBusName="bivouac"
        )["Targets"]
        assert target["Arn"] == stack.arns["DeadLetters"]

    def test_conditions_omit_resources_and_outputs(
        self, cloud: LocalCloud, written: Written
    ) -> None:
        stack = written.deploy(
            cloud,
            """
            Parameters:
              Wanted: {Type: String, Default: "no"}
            Conditions:
              IsWanted: !Equals [!Ref Wanted, "yes"]
            Resources:
              Queue: {Type: "AWS::SQS::Queue", Condition: IsWanted}
              Other: {Type: "AWS::SQS::Queue", DependsOn: Queue}
            Outputs:
              Queue: {Value: !Ref Queue, Condition: IsWanted}
            """,
        )
        assert set(stack.resources) == {"Other"}
        assert stack.outputs == {}


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                "Resources: {Bucket: {Type: 'AWS::S3::Bucket'}}",
                r"no maker for AWS::S3::Bucket \(Bucket\)",
            ),
            (
                "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Ref Nobody}}}",
                "Q refers to Nobody, which is not declared",
            ),
            (
                """
                Resources:
                  A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !GetAtt B.QueueName}}
                  B: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !GetAtt A.QueueName}}
                """,
                "need each other: A -> B -> A",
            ),
            (
                """
                Resources:
                  A: {Type: 'AWS::SQS::Queue'}
                  B: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !GetAtt A.Colour}}
                """,
                "B: A has no attribute Colour",
            ),
            (
                """
                Resources:
                  F:
                    Type: AWS::Serverless::Function
                    Properties: {Handler: a.b, Runtime: python3.13, CodeUri: nowhere/}
                """,
                "F: CodeUri must name a directory",
            ),
        ],
    )
    def test_a_resource_that_cannot_be_created_is_named(
        self, cloud: LocalCloud, written: Written, text: str, problem: str
    ) -> None:
        with pytest.raises(TemplateError, match=problem):
            written.deploy(cloud, text)

    @pytest.mark.parametrize(
        ("substitutions", "problem"),
        [("{}", "uses \\$\\{Name\\}"), ("{Name: a, Other: b}", r"does not use .*\['Other'\]")],
    )
    def test_substitutions_must_match_the_definition(
        self, cloud: LocalCloud, written: Written, substitutions: str, problem: str
    ) -> None:
        text = f"""
        Resources:
          Machine:
            Type: AWS::Serverless::StateMachine
            Properties:
              Role: arn:aws:iam::123456789012:role/machine
              DefinitionSubstitutions: {substitutions}
              Definition:
                StartAt: "Say ${{Name}}"
                States: {{"Say ${{Name}}": {{Type: Succeed}}}}
        """
        with pytest.raises(TemplateError, match=problem):
            written.deploy(cloud, text)

    def test_a_missing_definition_file_is_an_error(
        self, cloud: LocalCloud, written: Written
    ) -> None:
        text = """
        Resources:
          Machine:
            Type: AWS::Serverless::StateMachine
            Properties: {DefinitionUri: nowhere.asl.yaml}
        """
        with pytest.raises(TemplateError, match="Machine: DefinitionUri names nowhere"):
            written.deploy(cloud, text)
