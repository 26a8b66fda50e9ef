"""Stacks are updated as CloudFormation does: in place, by replacement, and back."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.template import Stack, StackUpdateError, TemplateError
from localcloud.template.schemas import replaced_by
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true

DATA = Path(__file__).parent / "data"


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(timings=TEST, runtime="scripted", port=0) as cloud:
        yield cloud


class Account:
    """One stack whose template a test changes again and again."""

    def __init__(self, cloud: LocalCloud, directory: Path) -> None:
        self.cloud = cloud
        self.directory = directory
        self._path = directory / "template.yaml"

    def deploy(self, resources: str) -> Stack:
        return self.cloud.deploy(self._written(resources), {}, name="app")

    def update(self, stack: Stack, resources: str) -> Stack:
        return self.cloud.update_stack(stack, self._written(resources))

    def _written(self, resources: str) -> Path:
        head = "Transform: AWS::Serverless-2016-10-31\nResources:\n"
        self._path.write_text(head + textwrap.indent(textwrap.dedent(resources), "  "))
        return self._path

    def groups(self) -> list[str]:
        found = self.cloud.client("logs").describe_log_groups(logGroupNamePrefix="/")
        return sorted(group["logGroupName"] for group in found["logGroups"])

    def queues(self) -> list[str]:
        urls: list[str] = self.cloud.client("sqs").list_queues().get("QueueUrls", [])
        return sorted(url.rpartition("/")[2] for url in urls)

    def status(self) -> tuple[str, str]:
        (stack,) = self.cloud.client("cloudformation").describe_stacks(StackName="app")["Stacks"]
        return stack["StackStatus"], stack.get("StackStatusReason", "")


@pytest.fixture
def account(cloud: LocalCloud, tmp_path: Path) -> Account:
    return Account(cloud, tmp_path)


def group(name: str, logical_id: str = "Logs", attributes: str = "", **properties: Any) -> str:
    told = ", ".join(f"{key}: {value}" for key, value in properties.items())
    return (
        f"{logical_id}: {{Type: 'AWS::Logs::LogGroup', {attributes} "
        f"Properties: {{LogGroupName: {name}{', ' if told else ''}{told}}}}}\n"
    )


FAILS = "Bus: {Type: 'AWS::Events::EventBus', Properties: {Name: default}}\n"
"""Every account has a bus of this name."""


class TestWhatIsReplaced:
    """By the schemas of CloudFormation's registry; the expected answers are those of the pages of
    the template reference ("Update requires")."""

    @pytest.mark.parametrize(
        ("kind", "name", "replaced"),
        [
            ("AWS::DynamoDB::Table", "TableName", True),
            ("AWS::DynamoDB::Table", "KeySchema", True),
            ("AWS::DynamoDB::Table", "TimeToLiveSpecification", False),
            ("AWS::Events::EventBusPolicy", "StatementId", True),
            ("AWS::Events::EventBusPolicy", "Statement", False),
            ("AWS::Lambda::Alias", "FunctionVersion", False),
            ("AWS::Lambda::Function", "Role", False),
            ("AWS::Lambda::Permission", "SourceArn", True),
            ("AWS::Lambda::Version", "FunctionName", True),
            ("AWS::Logs::LogGroup", "LogGroupName", True),
            ("AWS::Logs::LogGroup", "Tags", False),
            ("AWS::SQS::Queue", "QueueName", True),
            ("AWS::Scheduler::Schedule", "GroupName", False),
            ("AWS::Scheduler::Schedule", "Name", True),
            ("AWS::StepFunctions::StateMachine", "DefinitionSubstitutions", False),
            ("AWS::StepFunctions::StateMachine", "StateMachineName", True),
        ],
    )
    def test_which_properties_need_a_replacement(
        self, kind: str, name: str, replaced: bool
    ) -> None:
        found = replaced_by("ap-northeast-1", kind, {name: "before"}, {name: "after"})
        assert found == ([name] if replaced else [])

    def test_an_added_or_removed_property_has_changed(self) -> None:
        for before, after in (({}, {"Name": "a"}), ({"Name": "a"}, {})):
            assert replaced_by("ap-northeast-1", "AWS::Scheduler::Schedule", before, after)


class TestUpdates:
    """CloudFormation user guide, "Update behaviors of stack resources"."""

    def test_a_resource_updated_in_place_keeps_its_physical_id(self, account: Account) -> None:
        stack = account.deploy(group("/a", RetentionInDays=7))
        account.cloud.client("logs").create_log_stream(logGroupName="/a", logStreamName="kept")
        updated = account.update(stack, group("/a", RetentionInDays=30))
        logs = account.cloud.client("logs")
        (found,) = logs.describe_log_groups(logGroupNamePrefix="/a")["logGroups"]
        assert found["retentionInDays"] == 30
        assert logs.describe_log_streams(logGroupName="/a")["logStreams"]
        assert updated.resources == stack.resources
        assert account.status() == ("UPDATE_COMPLETE", "")

    def test_a_replaced_resource_is_deleted_after_its_users_are_updated(
        self, account: Account
    ) -> None:
        """The old one is deleted in the clean-up, when its users have the new one."""
        users = "Schedule:\n  Type: AWS::Scheduler::Schedule\n  Properties:\n"
        users += "    ScheduleExpression: rate(1 day)\n    FlexibleTimeWindow: {Mode: 'OFF'}\n"
        users += (
            "    Target: {Arn: !GetAtt Queue.Arn, RoleArn: 'arn:aws:iam::123456789012:role/x'}\n"
        )
        queue = "Queue: {{Type: 'AWS::SQS::Queue', Properties: {{QueueName: {name}}}}}\n"
        stack = account.deploy(queue.format(name="first") + users)
        updated = account.update(stack, queue.format(name="second") + users)
        assert account.queues() == ["second"]
        schedule = updated.resources["Schedule"]
        assert schedule == stack.resources["Schedule"]
        found = account.cloud.client("scheduler").get_schedule(Name=schedule)
        assert found["Target"]["Arn"].endswith(":second")

    def test_the_replacement_of_an_unnamed_resource_gets_a_new_name(self, account: Account) -> None:
        text = """
            Rule: {{Type: AWS::Events::Rule, Properties: {{{name} EventPattern: {{source: [ci]}}}}}}
            Group:
              Type: AWS::EC2::SecurityGroup
              Properties: {{VpcId: {vpc}, GroupDescription: {told}}}
            """
        vpc = account.cloud.account.vpc_id
        first = account.deploy(text.format(name="Name: own,", vpc=vpc, told="one"))
        second = account.update(first, text.format(name="", vpc=vpc, told="other"))
        assert first.resources["Rule"] == "own"
        assert second.resources["Rule"].startswith("app-Rule-")
        groups = account.cloud.client("ec2").describe_security_groups()["SecurityGroups"]
        (group,) = [each for each in groups if each["GroupName"].startswith("app-Group-")]
        assert group["Description"] == "other"

    @pytest.mark.parametrize("policy", ["Delete", "Retain"])
    def test_a_resource_removed_from_the_template_is_deleted_unless_retained(
        self, account: Account, policy: str
    ) -> None:
        """By the policy with which it was deployed: the template no longer has it."""
        kept = group("/kept", "Kept")
        stack = account.deploy(kept + group("/gone", attributes=f"DeletionPolicy: {policy},"))
        updated = account.update(stack, kept)
        assert account.groups() == (["/gone", "/kept"] if policy == "Retain" else ["/kept"])
        assert set(updated.resources) == {"Kept"}

    @pytest.mark.parametrize("policy", ["Delete", "Retain"])
    def test_a_replaced_resource_is_deleted_unless_retained(
        self, account: Account, policy: str
    ) -> None:
        """CloudFormation user guide, "UpdateReplacePolicy attribute": independent of the
        DeletionPolicy."""
        policies = f"UpdateReplacePolicy: {policy}, DeletionPolicy: Retain,"
        stack = account.deploy(group("/first", attributes=policies))
        account.update(stack, group("/second", attributes=policies))
        assert account.groups() == (["/first", "/second"] if policy == "Retain" else ["/second"])

    def test_omitted_parameters_keep_their_values(self, cloud: LocalCloud, tmp_path: Path) -> None:
        template = tmp_path / "template.yaml"
        template.write_text(
            "Transform: AWS::Serverless-2016-10-31\n"
            "Parameters: {One: {Type: String}, Other: {Type: String, Default: x}}\n"
            "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n"
            "Outputs: {Both: {Value: !Sub '${One} ${Other}'}}\n"
        )
        stack = cloud.deploy(template, {"One": "a", "Other": "b"}, name="app")
        assert cloud.update_stack(stack, template, {"Other": "c"}).outputs == {"Both": "a c"}

    def test_a_buss_statement_is_replaced_without_a_gap(self, account: Account) -> None:
        text = """
            Bus: {Type: AWS::Events::EventBus, Properties: {Name: own}}
            Policy:
              Type: AWS::Events::EventBusPolicy
              Properties:
                EventBusName: !Ref Bus
                StatementId: %s
                Statement:
                  Effect: Deny
                  Principal: "*"
                  Action: events:PutEvents
                  Resource: !GetAtt Bus.Arn
            """
        stack = account.deploy(text % "Known")
        account.update(stack, text % "Known-app")
        bus = account.cloud.client("events").describe_event_bus(Name="own")
        assert [one["Sid"] for one in json.loads(bus["Policy"])["Statement"]] == ["Known-app"]

    def test_a_failed_clean_up_does_not_fail_the_update(self, account: Account) -> None:
        """CloudFormation forgets what it could not delete."""
        vpc = account.cloud.account.vpc_id
        admitted = f"""
            Group:
              Type: AWS::EC2::SecurityGroup
              Properties: {{VpcId: {vpc}, GroupDescription: told}}
            """
        stack = account.deploy(admitted)
        ec2 = account.cloud.client("ec2")
        foreign = ec2.create_security_group(GroupName="f", Description="f", VpcId=vpc)["GroupId"]
        admits = {"UserIdGroupPairs": [{"GroupId": stack.resources["Group"]}]}
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **admits}
        ec2.authorize_security_group_ingress(GroupId=foreign, IpPermissions=[permission])
        updated = account.update(stack, group("/kept"))
        assert set(updated.left_behind) == {"Group"}
        assert set(updated.resources) == {"Logs"}
        assert account.status() == ("UPDATE_COMPLETE", "")


class TestRefusals:
    def test_a_resource_with_a_fixed_name_cannot_be_replaced(self, account: Account) -> None:
        """https://repost.aws/knowledge-center/cloudformation-custom-name"""
        table = """
            Table:
              Type: AWS::DynamoDB::Table
              Properties:
                TableName: environments
                BillingMode: PAY_PER_REQUEST
                AttributeDefinitions: [{AttributeName: %(key)s, AttributeType: S}]
                KeySchema: [{AttributeName: %(key)s, KeyType: HASH}]
            """
        stack = account.deploy(table % {"key": "one"})
        with pytest.raises(StackUpdateError, match="Rename environments and update the stack aga"):
            account.update(stack, table % {"key": "other"})

    def test_a_name_cannot_move_to_another_logical_id(self, account: Account) -> None:
        stack = account.deploy(group("/a", "One"))
        with pytest.raises(StackUpdateError, match="/a already exists in stack"):
            account.update(stack, group("/a", "Other"))
        assert account.groups() == ["/a"]

    def test_a_logical_id_cannot_change_its_type(self, account: Account) -> None:
        stack = account.deploy(group("/a", "It"))
        with pytest.raises(
            TemplateError, match=r"Update of resource type is not permitted.*\[It\]"
        ):
            account.update(stack, "It: {Type: 'AWS::SQS::Queue'}")
        assert account.status() == ("CREATE_COMPLETE", "")

    @pytest.mark.parametrize(
        ("indexes", "told"),
        [
            ({"listed": "two"}, "Cannot update GSI's properties other than"),
            ({"other": "one"}, "Cannot perform more than one GSI creation or deletion"),
            ({"listed": "one", "more": "two"}, None),
            ({}, None),
        ],
    )
    def test_an_update_adds_or_removes_one_index_and_changes_none(
        self, account: Account, indexes: dict[str, str], told: str | None
    ) -> None:
        """Template reference, AWS::DynamoDB::Table, GlobalSecondaryIndexes."""

        def table(indexes: dict[str, str]) -> str:
            listed = [
                {
                    "IndexName": name,
                    "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [attribute]},
                }
                for name, attribute in indexes.items()
            ]
            properties = {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
                "GlobalSecondaryIndexes": listed,
            }
            resource = {"Type": "AWS::DynamoDB::Table", "Properties": properties}
            return f"Table: {json.dumps(resource)}"

        stack = account.deploy(table({"listed": "one"}))
        if told:
            with pytest.raises(StackUpdateError, match=told):
                account.update(stack, table(indexes))
            return
        updated = account.update(stack, table(indexes))
        client = account.cloud.client("dynamodb")
        described = client.describe_table(TableName=updated.resources["Table"])["Table"]
        found = {index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])}
        assert found == set(indexes)


class TestRollback:
    """CloudFormation user guide, "How CloudFormation handles failures"."""

    def test_a_rollback_restores_everything(self, account: Account) -> None:
        stack = account.deploy(group("/a", RetentionInDays=7) + group("/b", "Replaced"))
        changed = group("/a", RetentionInDays=30) + group("/c", "Replaced") + group("/d", "New")
        with pytest.raises(StackUpdateError, match="default already exists") as failed:
            account.update(stack, changed + FAILS)
        assert failed.value.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.groups() == ["/a", "/b"]
        logs = account.cloud.client("logs")
        (found,) = logs.describe_log_groups(logGroupNamePrefix="/a")["logGroups"]
        assert found["retentionInDays"] == 7
        status, reason = account.status()
        assert status == "UPDATE_ROLLBACK_COMPLETE"
        assert "default already exists" in reason
        # And it can be updated again
        assert set(account.update(stack, changed).resources) == {"Logs", "Replaced", "New"}
        assert account.groups() == ["/a", "/c", "/d"]

    def test_a_stack_whose_rollback_failed_cannot_be_updated(self, account: Account) -> None:
        stack = account.deploy(group("/a", RetentionInDays=7))
        account.cloud.client("logs").delete_log_group(logGroupName="/a")
        with pytest.raises(StackUpdateError) as failed:
            account.update(stack, group("/a", RetentionInDays=30))
        assert failed.value.status == "UPDATE_ROLLBACK_FAILED"
        with pytest.raises(
            TemplateError, match="is in UPDATE_ROLLBACK_FAILED state and can not be"
        ):
            account.update(stack, group("/b"))


class Published(Account):
    """The stack of tests/localcloud/data/published, in a directory that a test can change."""

    def __init__(self, cloud: LocalCloud, directory: Path) -> None:
        super().__init__(cloud, directory)
        shutil.copytree(DATA / "published", directory, dirs_exist_ok=True)
        every_property = "AutoPublishAlias: live\n    AutoPublishAliasAllProperties: true"
        self.change("template.yaml", "AutoPublishAlias: live", every_property)
        versions = {"Invocable": "versions"}
        self.stack = cloud.deploy(directory / "template.yaml", versions, name="app")
        self.functions = cloud.client("lambda")
        self.machines = cloud.client("stepfunctions")

    def change(self, file: str, before: str, after: str) -> None:
        path = self.directory / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def release(self) -> Stack:
        self.stack = self.cloud.update_stack(self.stack, self.directory / "template.yaml")
        return self.stack

    def say(self, qualifier: str) -> tuple[str, str]:
        """Version and text of the greeting."""
        name = self.stack.functions["GreetFunction"].name
        answer = self.functions.invoke(
            FunctionName=name, Qualifier=qualifier, Payload='{"name": "you"}'
        )
        return answer["ExecutedVersion"], json.load(answer["Payload"])["said"]

    def start(self) -> str:
        machine = self.stack.outputs["Machine"]
        arn: str = self.machines.start_execution(stateMachineArn=machine, input='{"name": "you"}')[
            "executionArn"
        ]
        return arn

    def output(self, execution: str) -> dict[str, Any]:
        def ended() -> bool:
            described = self.machines.describe_execution(executionArn=execution)
            return bool(described["status"] != "RUNNING")

        until_true(ended)
        described = self.machines.describe_execution(executionArn=execution)
        assert described["status"] == "SUCCEEDED", described
        found: dict[str, Any] = json.loads(described["output"])
        return found


@pytest.fixture
def published(cloud: LocalCloud, tmp_path: Path) -> Published:
    return Published(cloud, tmp_path)


class TestVersions:
    """AutoPublishAlias (SAM reference, AWS::Serverless::Function)."""

    @pytest.mark.parametrize(
        ("file", "before", "after", "said"),
        [
            ("functions/greet.py", "event['name']", "event['name'].upper()", "hello YOU"),
            ("template.yaml", "Default: hello", "Default: goodbye", "hello you"),
            ("template.yaml", "GREETING: !Ref Greeting", "GREETING: servus", "servus you"),
        ],
    )
    def test_new_code_and_new_properties_publish_another_version(
        self, published: Published, file: str, before: str, after: str, said: str
    ) -> None:
        """A changed parameter does not, because its name stays in the template
        (https://github.com/aws/serverless-application-model/issues/3820). Greeting keeps its value,
        so nothing changes at all."""
        published.change(file, before, after)
        published.release()
        is_new = said != "hello you"
        assert published.say("live") == ("2" if is_new else "1", said)
        assert published.say("1") == ("1", "hello you")

    def test_a_running_execution_keeps_its_definition_and_version(
        self, published: Published
    ) -> None:
        """The next execution has the new definition and version."""
        published.change("greet.asl.yaml", "StartAt: Greet", "StartAt: Pause")
        published.change(
            "greet.asl.yaml",
            "States:\n",
            "States:\n  Pause: {Type: Wait, Seconds: 40, Next: Greet}\n",
        )
        published.release()
        execution = published.start()
        published.change("functions/greet.py", "event['name']", "event['name'].upper()")
        published.change("greet.asl.yaml", "StartAt: Pause", "StartAt: Greet")
        published.change("greet.asl.yaml", "  Pause: {Type: Wait, Seconds: 40, Next: Greet}\n", "")
        published.release()
        assert published.output(published.start())["Payload"]["said"] == "hello YOU"
        assert published.output(execution)["Payload"]["said"] == "hello you"

    def test_changed_text_without_effect_publishes_no_version(self, published: Published) -> None:
        """SAM declares another version, Lambda publishes none, and CloudFormation fails
        (https://github.com/aws/aws-cdk/issues/28252)."""
        published.change("functions/greet.py", "event['name']", "event['name'].upper()")
        published.release()
        published.change("template.yaml", "GREETING: !Ref Greeting", "GREETING: !Sub '${Greeting}'")
        with pytest.raises(
            StackUpdateError, match=r"Version already exists: \[arn:.*:2\]\. Please m"
        ):
            published.release()
        assert published.say("live") == ("2", "hello YOU")

    def test_a_rollback_restores_a_functions_alias(self, published: Published) -> None:
        published.change("functions/greet.py", "event['name']", "event['name'].upper()")
        after = "!Select [0, [default, !Ref FailingFunction.Alias, !Ref GreetFunction.Alias]]"
        fails = FAILS.replace("Name: default", f"Name: {after}")
        published.change("template.yaml", "Outputs:\n", f"  {fails}Outputs:\n")
        with pytest.raises(StackUpdateError, match="default already exists"):
            published.release()
        assert published.say("live")[0] == "1"


class TestCustomResources:
    """CloudFormation user guide, "Custom resource request types: Update"."""

    def deploy(self, cloud: LocalCloud, **parameters: str) -> Stack:
        return cloud.deploy(DATA / "guarded" / "template.yaml", parameters, name="app")

    def update(self, cloud: LocalCloud, stack: Stack, **parameters: str) -> Stack:
        return cloud.update_stack(stack, DATA / "guarded" / "template.yaml", parameters)

    def asked(self, cloud: LocalCloud) -> list[dict[str, Any]]:
        """The requests that its function got, in order."""
        logs = cloud.client("logs")
        (name,) = [
            found["logGroupName"]
            for found in logs.describe_log_groups()["logGroups"]
            if "GuardFunction" in found["logGroupName"]
        ]
        lines = (event["message"] for event in logs.filter_log_events(logGroupName=name)["events"])
        return [json.loads(line) for line in lines if line.startswith("{")]

    def test_its_function_gets_the_old_properties(self, cloud: LocalCloud) -> None:
        stack = self.deploy(cloud)
        self.update(cloud, stack, Answer='{"Data": {"Count": "4", "Type": "x"}}')
        create, update = self.asked(cloud)
        assert create["RequestType"] == "Create"
        assert "OldResourceProperties" not in create
        assert update["RequestType"] == "Update"
        assert update["PhysicalResourceId"] == "the-guard"
        assert update["OldResourceProperties"] == create["ResourceProperties"]
        assert update["ResourceProperties"]["Answer"] != create["ResourceProperties"]["Answer"]

    def test_a_refusal_rolls_the_update_back_with_a_second_request(self, cloud: LocalCloud) -> None:
        """With old and new properties swapped: README of CDK's custom resource provider framework,
        "Error handling", and https://github.com/cloudcomponents/cdk-constructs/issues/140."""
        stack = self.deploy(cloud)
        with pytest.raises(StackUpdateError, match="no update") as failed:
            self.update(cloud, stack, RefusesUpdate="no update")
        assert failed.value.status == "UPDATE_ROLLBACK_COMPLETE"
        _, refused, back = self.asked(cloud)
        assert back["RequestType"] == "Update"
        assert back["ResourceProperties"] == refused["OldResourceProperties"]
        assert back["OldResourceProperties"] == refused["ResourceProperties"]

    def test_a_resource_that_also_refuses_the_rollback_leaves_rollback_failed(
        self, cloud: LocalCloud
    ) -> None:
        stack = self.deploy(cloud, Fails="Update")
        with pytest.raises(StackUpdateError) as failed:
            self.update(cloud, stack, Refusal="x")
        assert failed.value.status == "UPDATE_ROLLBACK_FAILED"

    def test_a_new_physical_id_means_a_replacement(self, cloud: LocalCloud) -> None:
        """The old one is deleted in the clean-up."""
        stack = self.deploy(cloud)
        updated = self.update(cloud, stack, Answer='{"PhysicalResourceId": "another"}')
        assert updated.resources["Guard"] == "another"
        _, _, delete = self.asked(cloud)
        assert (delete["RequestType"], delete["PhysicalResourceId"]) == ("Delete", "the-guard")
