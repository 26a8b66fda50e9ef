"""What the stack keeps, for how long, and what it asks of whoever deploys it."""

from __future__ import annotations

import re

import pytest

from tests.template.declared import GLOBAL_FUNCTION, MACHINES, TEMPLATE, functions, resources


class TestKept:
    def test_every_log_group_has_the_retention_of_the_stack(self) -> None:
        groups = resources("AWS::Logs::LogGroup")
        assert groups
        for name, group in groups.items():
            assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name

    def test_every_function_and_machine_writes_to_a_group_of_the_stack(self) -> None:
        groups = resources("AWS::Logs::LogGroup")
        for name, properties in functions().items():
            assert properties["LoggingConfig"]["LogGroup"]["Ref"] in groups, name
        for name, machine in MACHINES.items():
            (destination,) = machine.properties["Logging"]["Destinations"]
            arn = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
            assert arn[0] in groups, name

    def test_execution_data_is_not_copied_into_logs(self) -> None:
        """Requests can hold what was not meant for a log."""
        for machine in MACHINES.values():
            assert machine.properties["Logging"]["IncludeExecutionData"] is False

    def test_the_table_outlives_the_stack_and_can_be_restored(self) -> None:
        table = resources("AWS::DynamoDB::Table")["EnvironmentsTable"]
        # A first deployment that fails leaves no table behind; later it is as Retain
        assert table["DeletionPolicy"] == "RetainExceptOnCreate"
        assert table["UpdateReplacePolicy"] == "Retain"
        properties = table["Properties"]
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        recovery = properties["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True


class TestUndelivered:
    def test_rules_may_use_the_dead_letter_queue_with_either_condition_key(self) -> None:
        """AWS's own examples, SAM and CDK have aws:SourceArn; CDK has aws:SourceAccount for queues
        as targets (https://github.com/aws/aws-cdk/issues/30238). Both keys in one statement would
        have to match."""
        policy = resources("AWS::SQS::QueuePolicy")["UndeliveredEventsPolicy"]["Properties"]
        conditions = []
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert statement["Action"] == "sqs:SendMessage"
            assert statement["Resource"] == {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
            conditions.append(statement["Condition"])
        rules = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"
        assert conditions == [
            {"ArnLike": {"aws:SourceArn": {"Fn::Sub": rules}}},
            {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        ]


class TestAlarms:
    def test_one_failed_sweep_is_no_alarm(self) -> None:
        """Its schedule may fire just after its creation, while new roles are not known everywhere
        yet (IAM user guide, "Changes that I make are not always immediately visible")."""
        alarm = resources("AWS::CloudWatch::Alarm")["SweepFails"]["Properties"]
        sweep = functions()["SweepEnvironmentsFunction"]["Events"]["EveryQuarterOfAnHour"]
        assert sweep["Properties"]["ScheduleExpression"] == "rate(15 minutes)"
        assert alarm["Period"] == 15 * 60
        assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (2, 2)


class TestFunctions:
    def test_all_functions_have_the_same_runtime(self) -> None:
        assert GLOBAL_FUNCTION["CodeUri"] == "functions/"
        assert GLOBAL_FUNCTION["Architectures"] == ["arm64"]
        assert GLOBAL_FUNCTION["Tracing"] == "Active"
        for name, function in resources("AWS::Serverless::Function").items():
            assert function["Metadata"] == {"BuildMethod": "python-uv"}, name
            assert not {"CodeUri", "Runtime", "Architectures"} & set(function["Properties"]), name

    def test_each_function_has_a_description(self) -> None:
        for name, properties in functions().items():
            assert properties["Description"], name

    def test_only_the_private_probe_is_in_the_vpc(self) -> None:
        """P01, P09: the others call AWS, and the public probe must see what the world sees."""
        inside = [name for name, properties in functions().items() if "VpcConfig" in properties]
        assert inside == ["ProbePrivateAddressesFunction"]


class TestParameters:
    @pytest.mark.parametrize("name", TEMPLATE["Parameters"])
    def test_each_parameter_is_described_constrained_and_grouped(self, name: str) -> None:
        parameter = TEMPLATE["Parameters"][name]
        assert parameter["Description"]
        constrained = {"AllowedPattern", "AllowedValues", "MinValue", "MinLength"} & set(parameter)
        assert constrained or parameter["Type"] != "String"
        groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        assert [each["Label"] for each in groups if name in each["Parameters"]]

    @pytest.mark.parametrize(
        ("prefix", "accepted"),
        [
            ("bivouac", True),
            ("b2", True),
            ("team-a", True),
            ("a" * 20, True),
            ("defaults", True),
            ("default-2", True),
            ("awsome", True),
            # Every account has a bus of this name already
            ("default", False),
            # /aws/... are the log groups of AWS's own services
            ("aws", False),
            ("b", False),
            ("a" * 21, False),
            ("a--b", False),
            ("a-", False),
            ("-a", False),
            ("2a", False),
            ("Bivouac", False),
            ("bi_vouac", False),
            ("", False),
        ],
    )
    def test_which_prefixes_are_accepted(self, prefix: str, accepted: bool) -> None:
        pattern = TEMPLATE["Parameters"]["NamePrefix"]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, prefix)) is accepted

    @pytest.mark.parametrize("name", ["AllowedTaskRoleArns", "AllowedExecutionRoleArns"])
    @pytest.mark.parametrize(
        ("arn", "accepted"),
        [
            ("", True),
            ("arn:aws:iam::123456789012:role/app", True),
            ("arn:aws-cn:iam::123456789012:role/a/path/App_1+2=3.@x-y", True),
            ("arn:aws:iam::123456789012:user/somebody", False),
            ("arn:aws:iam::123456789012:role/*", False),
            ("app", False),
            ("*", False),
            # In a definition it is in quotes and substituted as text
            ('arn:aws:iam::123456789012:role/app"', False),
            ("arn:aws:iam::123456789012:role/app\\", False),
        ],
    )
    def test_which_roles_are_accepted(self, name: str, arn: str, accepted: bool) -> None:
        """CloudFormation checks each value of a list against the pattern (its user guide,
        "CloudFormation template Parameters syntax")."""
        pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, arn)) is accepted

    def test_every_output_is_described(self) -> None:
        for name, output in TEMPLATE["Outputs"].items():
            assert output["Description"], name
