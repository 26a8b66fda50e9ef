"""Published versions and aliases: what they keep, who may invoke them, and how."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.awslambda.names import FunctionName
from localcloud.clock import ManualClock
from localcloud.cloud import LocalCloud
from localcloud.template import Stack
from localcloud.timings import TEST
from tests.localcloud.roles import client_of
from tests.localcloud.waiting import until_true

TEMPLATE = Path(__file__).parent / "data" / "published" / "template.yaml"
ARN = "arn:aws:lambda:ap-northeast-1:123456789012:function:greet"


@pytest.mark.parametrize("text", ["greet:live", f"{ARN}:live", "123456789012:function:greet:live"])
def test_a_function_has_many_names(text: str) -> None:
    assert FunctionName.of(text) == FunctionName("greet", "live")


def test_a_name_without_a_qualifier_uses_the_requests_qualifier() -> None:
    assert FunctionName.of(ARN) == FunctionName("greet")
    assert FunctionName.of("greet", "1") == FunctionName("greet", "1")


class Account:
    """A local cloud with this test's template, in a directory that the test can change."""

    def __init__(self, cloud: LocalCloud, clock: ManualClock, directory: Path) -> None:
        self.cloud = cloud
        self.clock = clock
        self.directory = directory
        shutil.copytree(TEMPLATE.parent, directory, dirs_exist_ok=True)
        self.functions = cloud.client("lambda")

    def deploy(self, **parameters: str) -> Stack:
        return self.cloud.deploy(self.directory / TEMPLATE.name, parameters, name="published")

    def greet(self, name: str, **more: Any) -> dict[str, Any]:
        answer = self.functions.invoke(FunctionName=name, Payload='{"name": "you"}', **more)
        assert "FunctionError" not in answer
        greeting: dict[str, Any] = json.load(answer["Payload"])
        assert answer["ExecutedVersion"] == greeting["version"]
        return greeting

    def execute(self, machine: str) -> dict[str, Any]:
        sfn = self.cloud.client("stepfunctions")
        arn = sfn.start_execution(stateMachineArn=machine, input='{"name": "you"}')["executionArn"]
        until_true(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
        ended: dict[str, Any] = sfn.describe_execution(executionArn=arn)
        return ended

    def failures(self, stack: Stack) -> list[dict[str, Any]]:
        for _ in range(20):
            if self.cloud.deliveries.wait_until_idle(0.2):
                break
            self.clock.advance(120)
        messages = self.cloud.client("sqs").receive_message(
            QueueUrl=stack.resources["Failures"], MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    clock = ManualClock()
    with LocalCloud(timings=TEST, runtime="scripted", port=0, clock=clock) as cloud:
        yield Account(cloud, clock, tmp_path)


class TestVersions:
    def test_the_template_publishes_a_version_and_an_alias(self, account: Account) -> None:
        """AutoPublishAlias (SAM reference, AWS::Serverless::Function)."""
        stack = account.deploy()
        function = stack.functions["GreetFunction"]
        assert stack.outputs["Version"] == f"{function.arn}:1"
        assert stack.outputs["Alias"] == f"{function.arn}:live"
        for name in (stack.outputs["Alias"], f"{function.name}:live", f"{function.arn}:1"):
            greeting = account.greet(name)
            assert greeting["version"] == "1"
            assert greeting["arn"].endswith(name.rpartition(":")[2])
        assert account.greet(function.name, Qualifier="live")["version"] == "1"
        assert account.greet(function.name)["version"] == "$LATEST"

    def test_a_version_keeps_code_and_configuration(self, account: Account) -> None:
        """Lambda's page "Manage Lambda function versions"."""
        stack = account.deploy()
        name = stack.functions["GreetFunction"].name
        account.functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"GREETING": "goodbye"}}
        )
        handler = account.directory / "functions" / "greet.py"
        handler.write_text(handler.read_text().replace("event['name']", "event['name'].upper()"))
        assert account.greet(f"{name}:live")["said"] == "hello you"
        assert account.greet(name)["said"] == "goodbye YOU"
        published = account.functions.publish_version(FunctionName=name)
        assert published["Version"] == "2"
        assert account.greet(f"{name}:live")["version"] == "1"
        account.functions.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
        assert account.greet(f"{name}:live")["said"] == "goodbye YOU"
        assert account.greet(f"{name}:1")["said"] == "hello you"

    def test_no_version_is_published_if_nothing_has_changed(self, account: Account) -> None:
        """Lambda's API reference, PublishVersion; new code is a change."""
        stack = account.deploy()
        name = stack.functions["GreetFunction"].name
        assert account.functions.publish_version(FunctionName=name)["Version"] == "1"
        handler = account.directory / "functions" / "greet.py"
        handler.write_text(handler.read_text() + "\n# changed\n")
        assert account.functions.publish_version(FunctionName=name)["Version"] == "2"
        assert account.functions.publish_version(FunctionName=name)["Version"] == "2"

    def test_an_unknown_version_or_alias_is_not_found(self, account: Account) -> None:
        stack = account.deploy()
        name = stack.functions["GreetFunction"].name
        for qualifier in ("2", "beta"):
            with pytest.raises(ClientError, match="ResourceNotFoundException"):
                account.functions.invoke(FunctionName=f"{name}:{qualifier}", Payload="{}")


class TestRights:
    """Lambda's page "Fine-tuning the Resources and Conditions sections of policies"."""

    @pytest.mark.parametrize("invocable", ["version", "versions"])
    def test_a_machine_may_invoke_the_version_that_its_policy_names(
        self, account: Account, invocable: str
    ) -> None:
        stack = account.deploy(Invocable=invocable)
        ended = account.execute(stack.outputs["Machine"])
        assert ended["status"] == "SUCCEEDED", ended
        output = json.loads(ended["output"])
        assert output["ExecutedVersion"] == "1"
        assert output["Payload"]["said"] == "hello you"

    def test_the_functions_own_arn_does_not_cover_its_versions(self, account: Account) -> None:
        stack = account.deploy(Invocable="function")
        ended = account.execute(stack.outputs["Machine"])
        assert ended["status"] == "FAILED"
        assert f"on resource: {stack.outputs['Version']} because no identity" in ended["cause"]

    def test_a_policy_on_versions_does_not_cover_the_function(self, account: Account) -> None:
        stack = account.deploy(Invocable="versions")
        function = stack.functions["GreetFunction"]
        client = client_of(account.cloud, stack.arns["GreetMachineRole"], "lambda")
        assert client.invoke(FunctionName=function.name, Qualifier="live", Payload='{"name": "a"}')
        with pytest.raises(ClientError) as refused:
            client.invoke(FunctionName=function.name, Payload='{"name": "a"}')
        said = refused.value.response["Error"]["Message"]
        assert f"lambda:InvokeFunction on resource: {function.arn} because" in said


class TestAsynchronously:
    """W15, and Lambda's pages on asynchronous invocation: an alias has its own settings."""

    def test_a_failure_of_the_alias_goes_to_its_destination(self, account: Account) -> None:
        stack = account.deploy()
        function = stack.functions["FailingFunction"]
        account.functions.invoke(
            FunctionName=f"{function.name}:live", InvocationType="Event", Payload='{"name": "you"}'
        )
        account.clock.advance(0)
        (record,) = account.failures(stack)
        assert record["requestContext"]["functionArn"] == f"{function.arn}:live"
        assert record["requestContext"]["approximateInvokeCount"] == 3
        assert record["responseContext"]["executedVersion"] == "1"
        assert record["responsePayload"]["errorMessage"] == "version 1 cannot greet"

    def test_the_destination_is_called_with_the_functions_role(self, account: Account) -> None:
        """Lambda's page "Capturing records of Lambda asynchronous invocations"."""
        stack = account.deploy()
        iam, role = account.cloud.client("iam"), stack.resources["FailingFunctionRole"]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        name = stack.functions["FailingFunction"].name
        account.functions.invoke(FunctionName=f"{name}:live", InvocationType="Event", Payload="{}")
        account.clock.advance(0)
        assert account.failures(stack) == []

    def test_the_functions_own_failures_do_not_go_to_the_aliass_destination(
        self, account: Account
    ) -> None:
        stack = account.deploy()
        function = stack.functions["FailingFunction"]
        account.functions.invoke(
            FunctionName=function.name, InvocationType="Event", Payload='{"name": "you"}'
        )
        account.clock.advance(0)
        assert account.failures(stack) == []
        with pytest.raises(account.functions.exceptions.ResourceNotFoundException):
            account.functions.get_function_event_invoke_config(FunctionName=function.name)
        settings = account.functions.get_function_event_invoke_config(
            FunctionName=function.name, Qualifier="live"
        )
        assert settings["FunctionArn"] == f"{function.arn}:live"

    def test_a_rule_invokes_the_alias(self, account: Account) -> None:
        """SAM points a function's events at its alias, and permits exactly that."""
        stack = account.deploy()
        function = stack.functions["FailingFunction"]
        entry = {"Source": "ci", "DetailType": "Pushed", "Detail": '{"name": "you"}'}
        account.cloud.client("events").put_events(Entries=[entry])
        account.clock.advance(0)
        (record,) = account.failures(stack)
        assert record["requestContext"]["functionArn"] == f"{function.arn}:live"
        policy = account.functions.get_policy(FunctionName=function.name, Qualifier="live")
        (statement,) = json.loads(policy["Policy"])["Statement"]
        assert statement["Resource"] == f"{function.arn}:live"
        with pytest.raises(account.functions.exceptions.ResourceNotFoundException):
            account.functions.get_policy(FunctionName=function.name)
