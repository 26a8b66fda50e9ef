"""Two stacks beside each other on MiniStack, which checks every call against their policies."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from tests.emulator.ministack import MiniStack, running
from tests.emulator.understood import LEFT_OUT, understood
from tests.localcloud.waiting import until_true
from tests.requests import environment
from tests.template.declared import FUNCTIONS, MACHINES, Json, translated

BUCKET = "packaged"
PREFIXES = ("alpha", "alpha-2")
"""One prefix is the beginning of the other."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[MiniStack]:
    with running() as emulator:
        objects = emulator.client("s3")
        objects.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        resources = translated()["Resources"].items()
        properties = {name: resource.get("Properties", {}) for name, resource in resources}
        for key in {each["Code"]["S3Key"] for each in properties.values() if "Code" in each}:
            objects.put_object(Bucket=BUCKET, Key=key, Body=zipped_functions())
        for machine in MACHINES.values():
            objects.put_object(
                Bucket=BUCKET,
                Key=properties[machine.logical_id]["DefinitionS3Location"]["Key"],
                Body=json.dumps(machine.definition).encode(),
            )
        yield emulator


def zipped_functions() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted(FUNCTIONS.rglob("*.py")):
            archive.write(file, file.relative_to(FUNCTIONS))
    return content.getvalue()


@dataclass(frozen=True)
class Stack:
    emulator: MiniStack
    name: str

    @property
    def described(self) -> Json:
        (stack,) = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)[
            "Stacks"
        ]
        return stack

    @property
    def outputs(self) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self.described["Outputs"]}

    @property
    def resources(self) -> dict[str, str]:
        """Logical id -> physical id."""
        pages = self.emulator.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for each in page["StackResourceSummaries"]
        }

    def failures(self) -> list[str]:
        events = self.emulator.client("cloudformation").describe_stack_events(StackName=self.name)
        return [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events["StackEvents"]
            if event["ResourceStatus"].endswith("FAILED")
        ]


def deployed(emulator: MiniStack, name: str, template: Json) -> Stack:
    emulator.client("s3").put_object(
        Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode()
    )
    subnet = emulator.client("ec2").describe_subnets()["Subnets"][0]
    values = {"NamePrefix": name, "VpcId": subnet["VpcId"], "SubnetIds": subnet["SubnetId"]}
    emulator.client("cloudformation").create_stack(
        StackName=name,
        TemplateURL=f"{emulator.endpoint}/{BUCKET}/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
        ],
    )
    stack = Stack(emulator, name)
    until_true(lambda: "IN_PROGRESS" not in stack.described["StackStatus"], timeout=120)
    assert stack.failures() == []
    return stack


@pytest.fixture(scope="module")
def stacks(emulator: MiniStack) -> list[Stack]:
    return [deployed(emulator, prefix, understood(translated())) for prefix in PREFIXES]


def test_everything_left_out_is_still_unknown_to_the_emulator(emulator: MiniStack) -> None:
    """So that the list shrinks as it learns."""
    with pytest.raises(ClientError, match="Unrecognized resource types") as refused:
        deployed(emulator, "whole", translated())
    assert set(re.findall(r"AWS::\w+::\w+", str(refused.value))) == LEFT_OUT.keys()


def test_both_stacks_are_complete(stacks: list[Stack]) -> None:
    wanted = understood(translated())["Resources"].keys()
    for stack in stacks:
        assert stack.described["StackStatus"] == "CREATE_COMPLETE"
        assert stack.resources.keys() == wanted
    first, second = (set(stack.resources.values()) for stack in stacks)
    # A custom resource chooses its own name.
    assert first & second == {stacks[0].resources["EnvironmentsGuard"]}


def test_a_dry_run_succeeds(stacks: list[Stack]) -> None:
    for stack in stacks:
        admit(stack)
        execution = ended(stack, environment(name="demo", dryRun=True))
        assert execution["status"] == "SUCCEEDED", execution
        plan = json.loads(execution["output"])
        assert plan["cluster"] == f"{stack.name}-demo"


def test_a_function_without_its_rights_is_refused(emulator: MiniStack) -> None:
    """MiniStack does check calls against policies."""

    def without_rights(document: Json) -> None:
        del document["Resources"]["CheckRequestFunction"]["Properties"]["Policies"]

    stack = deployed(emulator, "omicron", understood(translated(without_rights)))
    execution = ended(stack, environment(name="demo", dryRun=True))
    assert execution["status"] == "FAILED"
    assert "is not authorized to perform" in execution["cause"]


def ended(stack: Stack, request: Json) -> Json:
    """The execution that creates an environment, once it has ended."""
    machines = stack.emulator.client("stepfunctions")
    arn = machines.start_execution(
        stateMachineArn=stack.outputs["CreateEnvironmentStateMachineArn"], input=json.dumps(request)
    )["executionArn"]
    until_true(lambda: machines.describe_execution(executionArn=arn)["status"] != "RUNNING", 120)
    return dict(machines.describe_execution(executionArn=arn))


def admit(stack: Stack) -> None:
    """The two rules of the template that it does not know."""
    groups = [stack.resources["TaskSecurityGroup"], stack.outputs["ProbeSecurityGroupId"]]
    stack.emulator.client("ec2").authorize_security_group_ingress(
        GroupId=groups[0],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 0,
                "ToPort": 65535,
                "UserIdGroupPairs": [{"GroupId": group} for group in groups],
            }
        ],
    )


def test_a_sweep_finds_nothing(stacks: list[Stack]) -> None:
    for stack in stacks:
        answer = stack.emulator.client("lambda").invoke(
            FunctionName=stack.outputs["SweepEnvironmentsFunctionName"], Payload=b'{"dryRun": true}'
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
        assert json.loads(answer["Payload"].read())["findings"] == []


def test_a_stack_without_environments_is_deleted(emulator: MiniStack) -> None:
    """The guard allows it: its function answers CloudFormation."""
    stack = deployed(emulator, "omega", understood(translated()))
    table = stack.outputs["EnvironmentsTableName"]
    emulator.client("cloudformation").delete_stack(StackName=stack.name)

    def is_gone() -> bool:
        try:
            assert stack.described["StackStatus"] == "DELETE_IN_PROGRESS", stack.failures()
        except ClientError:
            return True
        return False

    until_true(is_gone, timeout=120)
    assert table in emulator.client("dynamodb").list_tables()["TableNames"]
