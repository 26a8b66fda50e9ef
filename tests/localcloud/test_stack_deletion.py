"""Functions create and delete custom resources; stacks are deleted in order."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.template import Stack, StackDeletionError, TemplateError
from localcloud.template.custom_resources import PATH
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true

TEMPLATE = Path(__file__).parent / "data" / "guarded" / "template.yaml"


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(timings=TEST, runtime="scripted", port=0) as cloud:
        yield cloud


def deploy(cloud: LocalCloud, **parameters: str) -> Stack:
    return cloud.deploy(TEMPLATE, parameters, name="guarded")


def live(cloud: LocalCloud, environment: str, *, lives: bool = True) -> None:
    dynamodb = cloud.client("dynamodb")
    item = {"environment": {"S": environment}}
    if lives:
        dynamodb.put_item(TableName="environments", Item=item)
    else:
        dynamodb.delete_item(TableName="environments", Key=item)


class TestCustomResources:
    """CloudFormation user guide, "CloudFormation custom resource request and response
    reference"."""

    def test_a_function_creates_it(self, cloud: LocalCloud) -> None:
        stack = deploy(cloud)
        assert stack.outputs["Guard"] == stack.resources["Guard"] == "the-guard"
        # Numbers reach the function as text.
        assert (stack.outputs["Count"], stack.outputs["Type"]) == ("3", "Custom::Guard")

    @pytest.mark.parametrize(
        ("parameters", "told"),
        [
            ({"Refusal": "there are two of me"}, r"Guard \(Custom::Guard\).* there are two of me"),
            ({"Fails": "Create"}, "did not receive a response .*the guard is broken"),
            ({"Silent": "Create"}, "did not receive a response"),
            ({"ContentType": "application/json"}, "did not receive a response .* 403"),
            ({"Answer": '{"RequestId": "another"}'}, "RequestId must be copied"),
            ({"Answer": '{"PhysicalResourceId": ""}'}, "Invalid PhysicalResourceId"),
            ({"Answer": '{"Status": "DONE"}'}, "Status must be SUCCESS or FAILED"),
            ({"Answer": json.dumps({"Data": {"x": "x" * 4096}})}, "too long"),
        ],
    )
    def test_its_failure_fails_the_deployment(
        self, cloud: LocalCloud, parameters: dict[str, str], told: str
    ) -> None:
        with pytest.raises(TemplateError, match=told):
            deploy(cloud, **parameters)

    def test_a_failed_invocation_is_retried(self, cloud: LocalCloud) -> None:
        """It is invoked asynchronously (W15)."""
        with pytest.raises(TemplateError):
            deploy(cloud, Fails="Create")
        groups = cloud.client("logs").describe_log_groups()["logGroups"]
        (name,) = [group["logGroupName"] for group in groups if "Guard" in group["logGroupName"]]
        events = cloud.client("logs").filter_log_events(logGroupName=name)["events"]
        assert sum(event["message"].startswith("START") for event in events) == 3

    def test_nobody_else_can_answer(self, cloud: LocalCloud) -> None:
        request = urllib.request.Request(
            f"{cloud.endpoint_url}{PATH}guessed", b"{}", {"Content-Type": ""}, method="PUT"
        )
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request)


class TestDeletion:
    def kinds(self, cloud: LocalCloud) -> dict[str, int]:
        """Which of the stack's resources exist."""
        logs = cloud.client("logs").describe_log_groups(logGroupNamePrefix="guarded")
        roles = cloud.client("iam").list_roles()["Roles"]
        return {
            "machines": len(cloud.client("stepfunctions").list_state_machines()["stateMachines"]),
            "functions": len(cloud.client("lambda").list_functions()["Functions"]),
            "roles": sum(role["RoleName"].startswith("guarded") for role in roles),
            "groups": len(cloud.client("scheduler").list_schedule_groups()["ScheduleGroups"]) - 1,
            "schedules": len(cloud.client("scheduler").list_schedules()["Schedules"]),
            "buses": len(cloud.client("events").list_event_buses()["EventBuses"]) - 1,
            "queues": len(cloud.client("sqs").list_queues().get("QueueUrls", [])),
            "logs": len(logs["logGroups"]),
            "tables": len(cloud.client("dynamodb").list_tables()["TableNames"]),
        }

    def test_everything_is_deleted_except_retained_resources(self, cloud: LocalCloud) -> None:
        stack = deploy(cloud)
        assert all(self.kinds(cloud).values())
        cloud.delete_stack(stack)
        left = {kind for kind, count in self.kinds(cloud).items() if count}
        assert left == {"tables"}
        assert stack.deployed == {}

    def test_a_guard_that_refuses_keeps_everything_it_needs(self, cloud: LocalCloud) -> None:
        """And nothing else: CloudFormation deletes the rest."""
        stack = deploy(cloud)
        live(cloud, "demo")
        with pytest.raises(StackDeletionError, match="environments live: demo") as refused:
            cloud.delete_stack(stack)
        assert set(refused.value.failures) == {"Guard"}
        kinds = self.kinds(cloud)
        kept = ("machines", "functions", "groups", "schedules", "tables")
        assert all(kinds[kind] for kind in kept)
        assert not any(kinds[kind] for kind in ("buses", "queues", "logs"))
        assert {"Guard", "GuardFunction", "Machine", "ExpiryRole"} <= set(stack.deployed)

    def test_the_stack_can_be_deleted_when_the_guard_agrees(self, cloud: LocalCloud) -> None:
        stack = deploy(cloud)
        live(cloud, "demo")
        with pytest.raises(StackDeletionError):
            cloud.delete_stack(stack)
        live(cloud, "demo", lives=False)
        cloud.delete_stack(stack)
        assert {kind for kind, count in self.kinds(cloud).items() if count} == {"tables"}

    def test_executions_end_with_their_machine(self, cloud: LocalCloud) -> None:
        """Step Functions' API reference, DeleteStateMachine."""
        stack = deploy(cloud)
        machines = cloud.client("stepfunctions")
        arn = machines.start_execution(stateMachineArn=stack.resources["Machine"])["executionArn"]
        execution = cloud.execution(arn)
        until_true(lambda: execution.exec_worker.env is not None)
        cloud.delete_stack(stack)
        assert execution.exec_status.value == "ABORTED"
        with pytest.raises(machines.exceptions.ExecutionDoesNotExist):
            machines.describe_execution(executionArn=arn)

    def test_a_guard_without_response_stops_the_deletion(self, cloud: LocalCloud) -> None:
        stack = deploy(cloud, Silent="Delete")
        with pytest.raises(StackDeletionError, match="did not receive a response"):
            cloud.delete_stack(stack)
        assert "Machine" in stack.deployed

    def test_a_type_that_cannot_be_deleted_is_refused_at_once(
        self, cloud: LocalCloud, tmp_path: Any
    ) -> None:
        template = tmp_path / "template.yaml"
        template.write_text(
            "Transform: AWS::Serverless-2016-10-31\n"
            f"Globals: {{Function: {{CodeUri: {TEMPLATE.parent}}}}}\n"
            "Resources:\n"
            "  Guard: {Type: 'AWS::Serverless::Function', Properties: {Handler: guard.handle, "
            "Runtime: python3.13}}\n"
            "  Published: {Type: 'AWS::Lambda::Version', Properties: {FunctionName: !Ref Guard}}\n"
        )
        stack = cloud.deploy(template, {}, name="versions")
        with pytest.raises(StackDeletionError, match="does not delete AWS::Lambda::Version"):
            cloud.delete_stack(stack)
        assert {"Guard", "Published"} <= set(stack.deployed)
