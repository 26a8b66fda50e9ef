"""Roles may do what their policies say, and nothing else; every decision is remembered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from localcloud.iam.policy import UnknownPolicyElementError, statements_of
from localcloud.template import TemplateError
from tests.localcloud.roles import client_of
from tests.localcloud.waiting import until_true

ACCOUNT = "123456789012"
ECS = f"arn:aws:ecs:ap-northeast-1:{ACCOUNT}"
CLOUD_MAP = f"arn:aws:servicediscovery:ap-northeast-1:{ACCOUNT}"
LOGS = f"arn:aws:logs:ap-northeast-1:{ACCOUNT}"


class Context:
    def __init__(self, **keys: tuple[str, ...]) -> None:
        self._keys = {key.replace("__", ":").replace("_", "-"): keys[key] for key in keys}

    def values(self, key: str) -> tuple[str, ...] | None:
        return self._keys.get(key)


def covers(statement: dict[str, Any], action: str, resource: str, context: Context) -> bool:
    full = {"Effect": "Allow", "Action": "*", "Resource": "*", **statement}
    (parsed,) = statements_of("policy", json.dumps({"Statement": full}))
    return parsed.covers(action, resource, context)


class TestStatements:
    @pytest.mark.parametrize(
        ("written", "action", "covered"),
        [
            ("ecs:CreateCluster", "ecs:CreateCluster", True),
            ("ecs:createcluster", "ecs:CreateCluster", True),
            ("ecs:Describe*", "ecs:DescribeTasks", True),
            ("ecs:Describe*", "ecs:ListTasks", False),
            (["ecs:ListTasks", "ecs:StopTask"], "ecs:StopTask", True),
        ],
    )
    def test_which_actions_a_pattern_covers(self, written: Any, action: str, covered: bool) -> None:
        assert covers({"Action": written}, action, "*", Context()) is covered

    @pytest.mark.parametrize(
        ("written", "covered"),
        [
            (f"{ECS}:cluster/bivouac-*", True),
            (f"{ECS}:cluster/bivouac-dem?", True),
            (f"{ECS}:cluster/Bivouac-*", False),
            (f"{ECS}:service/*", False),
            (["a", f"{ECS}:cluster/bivouac-demo"], True),
        ],
    )
    def test_which_resources_a_pattern_covers(self, written: Any, covered: bool) -> None:
        arn = f"{ECS}:cluster/bivouac-demo"
        assert covers({"Resource": written}, "ecs:CreateCluster", arn, Context()) is covered

    @pytest.mark.parametrize(
        ("condition", "covered"),
        [
            ({"StringEquals": {"ecs:cluster": "a"}}, True),
            ({"StringEquals": {"ecs:cluster": ["b", "a"]}}, True),
            ({"StringEquals": {"ecs:cluster": "b"}}, False),
            ({"StringEquals": {"ecs:absent": "a"}}, False),
            ({"StringEqualsIfExists": {"ecs:absent": "a"}}, True),
            ({"StringNotEquals": {"ecs:cluster": "b"}}, True),
            ({"StringNotEquals": {"ecs:absent": "b"}}, True),
            ({"ArnLike": {"ecs:cluster": "?"}}, True),
            ({"ArnNotLike": {"ecs:cluster": "?"}}, False),
            ({"ArnNotEquals": {"ecs:cluster": ["b", "a"]}}, False),
            ({"ArnNotEquals": {"ecs:cluster": ["b", "c"]}}, True),
            ({"Null": {"ecs:absent": "true"}}, True),
            ({"Null": {"ecs:cluster": "true"}}, False),
            ({"Null": {"ecs:cluster": False}}, True),
            ({"Bool": {"ecs:public": "false"}}, True),
            ({"ForAllValues:StringEquals": {"ecs:keys": ["x", "y", "z"]}}, True),
            ({"ForAllValues:StringEquals": {"ecs:keys": ["x"]}}, False),
            ({"ForAnyValue:StringEquals": {"ecs:keys": ["x"]}}, True),
            ({"StringEquals": {"ecs:cluster": "a"}, "Null": {"ecs:keys": "true"}}, False),
        ],
    )
    def test_which_conditions_hold(self, condition: dict[str, Any], covered: bool) -> None:
        context = Context(ecs__cluster=("a",), ecs__public=("false",), ecs__keys=("x", "y"))
        assert covers({"Condition": condition}, "ecs:ListTasks", "*", context) is covered

    @pytest.mark.parametrize(
        "unknown",
        [{"NotAction": "ecs:*"}, {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}],
    )
    def test_an_unknown_policy_element_is_an_error(self, unknown: dict[str, Any]) -> None:
        with pytest.raises(UnknownPolicyElementError):
            covers(unknown, "ecs:ListTasks", "*", Context())


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(runtime="scripted", port=0) as cloud:
        yield cloud


class Role:
    """A role of one test, with its rights."""

    def __init__(self, cloud: LocalCloud, *statements: dict[str, Any], **more: Any) -> None:
        self._cloud = cloud
        self.name = f"r-{uuid.uuid4().hex[:8]}"
        iam = cloud.client("iam")
        role = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument="{}", **more)["Role"]
        self.arn: str = role["Arn"]
        full = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": full})
        iam.put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=document)

    def client(self, service: str) -> Any:
        """A client with this role's rights, like one in its function."""
        return client_of(self._cloud, self.arn, service)


def denied(error: pytest.ExceptionInfo[ClientError], action: str, resource: str) -> bool:
    said = error.value.response["Error"]
    assert said["Code"] == "AccessDeniedException"
    return f"is not authorized to perform: {action} on resource: {resource}" in said["Message"]


def definition_of(family: str) -> dict[str, Any]:
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"name": "web", "image": "nginx", "essential": True}],
    }


class TestCalls:
    def test_the_accounts_user_may_do_everything(self, cloud: LocalCloud) -> None:
        assert cloud.client("ecs").list_clusters()["clusterArns"] is not None

    def test_a_role_without_a_grant_is_refused_in_awss_words(self, cloud: LocalCloud) -> None:
        role = Role(cloud, {"Action": "ecs:ListTasks"})
        with pytest.raises(ClientError) as error:
            role.client("ecs").list_clusters()
        assert error.value.response["Error"]["Message"] == (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/{role.name} is not authorized "
            "to perform: ecs:ListClusters on resource: * because no identity-based policy allows "
            "the ecs:ListClusters action"
        )

    def test_a_query_of_an_index_needs_a_right_on_the_index(self, cloud: LocalCloud) -> None:
        """Service Authorization Reference, DynamoDB: Query, resource types index and table."""
        table = f"arn:aws:dynamodb:ap-northeast-1:{ACCOUNT}:table/environments"
        role = Role(cloud, {"Action": "dynamodb:Query", "Resource": table})
        asked = {"TableName": "environments", "KeyConditionExpression": "listed = x"}
        with pytest.raises(ClientError) as error:
            role.client("dynamodb").query(**asked, IndexName="listed")
        assert denied(error, "dynamodb:Query", f"{table}/index/listed")

    @pytest.mark.parametrize(
        ("service", "operation", "arguments", "arn"),
        [
            (
                "servicediscovery",
                "ListTagsForResource",
                {"ResourceARN": f"{CLOUD_MAP}:namespace/ns-x"},
                f"{CLOUD_MAP}:namespace/*",
            ),
            ("servicediscovery", "ListNamespaces", {}, f"{CLOUD_MAP}:namespace/*"),
            ("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/x"}, f"{LOGS}:log-group:*"),
        ],
    )
    def test_an_arn_covers_no_action_without_a_resource_type(
        self, cloud: LocalCloud, service: str, operation: str, arguments: dict[str, str], arn: str
    ) -> None:
        """Service Authorization Reference of 2026: these need all resources ("*")."""
        action = f"{service}:{operation}"
        scoped = Role(cloud, {"Action": action, "Resource": arn}).client(service)
        with pytest.raises(ClientError) as error:
            scoped._make_api_call(operation, arguments)
        assert denied(error, action, "*")

    def test_each_service_refuses_in_its_own_protocol(self, cloud: LocalCloud) -> None:
        role = Role(cloud, {"Action": "ecs:ListTasks"})
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            role.client("ec2").describe_subnets()
        with pytest.raises(ClientError, match="AccessDenied"):
            role.client("iam").list_roles()

    def test_a_creation_can_be_limited_to_names_and_tags(self, cloud: LocalCloud) -> None:
        condition = {"StringEquals": {"aws:RequestTag/stack": "bivouac"}}
        create = {"Action": "ecs:CreateCluster", "Resource": f"{ECS}:cluster/bivouac-*"}
        tag = {
            "Action": "ecs:TagResource",
            "Condition": {"StringEquals": {"ecs:CreateAction": "CreateCluster"}},
        }
        ecs = Role(cloud, {**create, "Condition": condition}, tag).client("ecs")
        tags = [{"key": "stack", "value": "bivouac"}]
        name = f"bivouac-{uuid.uuid4().hex[:8]}"
        ecs.create_cluster(clusterName=name, tags=tags)
        for arguments in (
            {"clusterName": "other", "tags": tags},
            {"clusterName": name},
            {"clusterName": name, "tags": [{"key": "stack", "value": "other"}]},
        ):
            with pytest.raises(ClientError) as error:
                ecs.create_cluster(**arguments)
            assert denied(error, "ecs:CreateCluster", f"{ECS}:cluster/{arguments['clusterName']}")

    def test_tags_at_creation_need_the_right_to_tag(self, cloud: LocalCloud) -> None:
        ecs = Role(cloud, {"Action": "ecs:CreateCluster"}).client("ecs")
        with pytest.raises(ClientError) as error:
            ecs.create_cluster(clusterName="tagged", tags=[{"key": "a", "value": "b"}])
        assert denied(error, "ecs:TagResource", f"{ECS}:cluster/tagged")

    def test_a_deletion_can_be_limited_to_tagged_resources(self, cloud: LocalCloud) -> None:
        mine, foreign = (f"c-{uuid.uuid4().hex[:8]}" for _ in range(2))
        create = cloud.client("ecs").create_cluster
        create(clusterName=mine, tags=[{"key": "stack", "value": "bivouac"}])
        create(clusterName=foreign)
        condition = {"StringEquals": {"aws:ResourceTag/stack": "bivouac"}}
        ecs = Role(cloud, {"Action": "ecs:DeleteCluster", "Condition": condition}).client("ecs")
        ecs.delete_cluster(cluster=mine)
        with pytest.raises(ClientError) as error:
            ecs.delete_cluster(cluster=foreign)
        assert denied(error, "ecs:DeleteCluster", f"{ECS}:cluster/{foreign}")

    def test_listing_can_be_limited_to_a_cluster(self, cloud: LocalCloud) -> None:
        name = f"bivouac-{uuid.uuid4().hex[:8]}"
        cloud.client("ecs").create_cluster(clusterName=name)
        condition = {"ArnLike": {"ecs:cluster": f"{ECS}:cluster/bivouac-*"}}
        ecs = Role(cloud, {"Action": "ecs:ListTasks", "Condition": condition}).client("ecs")
        assert ecs.list_tasks(cluster=name)["taskArns"] == []
        with pytest.raises(ClientError) as error:
            ecs.list_tasks(cluster="other")
        assert denied(error, "ecs:ListTasks", "*")

    def test_passing_a_role_needs_a_right(self, cloud: LocalCloud) -> None:
        """Otherwise whoever registers a task definition could use every role of the account."""
        allowed = cloud.account.execution_role_arn
        pass_role = {
            "Action": "iam:PassRole",
            "Resource": allowed,
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        }
        ecs = Role(cloud, {"Action": "ecs:RegisterTaskDefinition"}, pass_role).client("ecs")
        ecs.register_task_definition(**definition_of("web"), executionRoleArn=allowed)
        other = f"arn:aws:iam::{ACCOUNT}:role/admin"
        with pytest.raises(ClientError) as error:
            ecs.register_task_definition(**definition_of("web"), taskRoleArn=other)
        assert denied(error, "iam:PassRole", other)

    @pytest.mark.parametrize(
        ("change", "passes"),
        [
            ({"taskDefinition": "passed"}, True),
            ({"taskDefinition": "passed", "desiredCount": 1}, True),
            ({"forceNewDeployment": True}, True),
            # keidarcy/e1s#429 of 2026: refused if the definition is named, and not otherwise
            ({"desiredCount": 1}, False),
        ],
        ids=str,
    )
    def test_a_service_passes_the_roles_of_its_definition(
        self, cloud: LocalCloud, change: dict[str, Any], passes: bool
    ) -> None:
        """Service Authorization Reference of 2026: CreateService and UpdateService also authorise
        iam:PassRole."""
        passed, name = cloud.account.execution_role_arn, f"s-{uuid.uuid4().hex[:8]}"
        ecs = cloud.client("ecs")
        ecs.create_cluster(clusterName="passing")
        ecs.register_task_definition(**definition_of("passed"), executionRoleArn=passed)
        ecs.register_task_definition(**definition_of("without-roles"))
        of_service: dict[str, Any] = {
            "cluster": "passing",
            "desiredCount": 0,
            "launchType": "FARGATE",
            "networkConfiguration": {
                "awsvpcConfiguration": {"subnets": [cloud.account.subnet_ids[0]]}
            },
        }
        other = Role(cloud, {"Action": "ecs:*"}).client("ecs")

        def made() -> bool:
            """A cluster accepts services a moment after its creation."""
            first = f"{name}-0"
            with suppress(other.exceptions.ClusterNotFoundException):
                other.create_service(
                    **of_service, serviceName=first, taskDefinition="without-roles"
                )
                return True
            return False

        until_true(made)
        with pytest.raises(ClientError) as error:
            other.create_service(**of_service, serviceName=name, taskDefinition="passed")
        assert denied(error, "iam:PassRole", passed)

        ecs.create_service(**of_service, serviceName=name, taskDefinition="passed")
        if passes:
            with pytest.raises(ClientError) as error:
                other.update_service(cluster="passing", service=name, **change)
            assert denied(error, "iam:PassRole", passed)
        else:
            other.update_service(cluster="passing", service=name, **change)
        pass_role = {
            "Action": "iam:PassRole",
            "Resource": passed,
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        }
        admitted = Role(cloud, {"Action": "ecs:*"}, pass_role).client("ecs")
        admitted.update_service(cluster="passing", service=name, **change)

    def test_passing_a_schedules_role_needs_a_right(self, cloud: LocalCloud) -> None:
        scheduler = Role(cloud, {"Action": "scheduler:*"}).client("scheduler")
        target = {
            "Arn": f"arn:aws:sqs:ap-northeast-1:{ACCOUNT}:q",
            "RoleArn": "arn:aws:iam::1:role/x",
        }
        with pytest.raises(ClientError) as error:
            scheduler.create_schedule(
                Name="nightly",
                ScheduleExpression="rate(1 day)",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=target,
            )
        assert denied(error, "iam:PassRole", "arn:aws:iam::1:role/x")

    @pytest.mark.parametrize(
        ("update", "allowed"),
        [
            ("SET #note = :value", True),
            ("SET note = if_not_exists(note, :value)", True),
            ("SET note = :value REMOVE owner", False),
            ("SET #owner = :value", False),
        ],
    )
    def test_a_write_is_limited_to_attributes(
        self, cloud: LocalCloud, update: str, allowed: bool
    ) -> None:
        table = f"t-{uuid.uuid4().hex[:8]}"
        cloud.client("dynamodb").create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        limit = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["name", "note"]}}
        role = Role(cloud, {"Action": "dynamodb:UpdateItem", "Condition": limit})
        names = {f"#{name}": name for name in ("note", "owner") if f"#{name}" in update}
        values = {":value": {"S": "x"}} if ":value" in update else {}
        call: dict[str, Any] = {
            "TableName": table,
            "Key": {"name": {"S": "a"}},
            "UpdateExpression": update,
            "ConditionExpression": "attribute_not_exists(note)",
            "ExpressionAttributeValues": values,
            **({"ExpressionAttributeNames": names} if names else {}),
        }
        if allowed:
            role.client("dynamodb").update_item(**call)
            return
        with pytest.raises(ClientError) as error:
            role.client("dynamodb").update_item(**call)
        arn = f"arn:aws:dynamodb:ap-northeast-1:{ACCOUNT}:table/{table}"
        assert denied(error, "dynamodb:UpdateItem", arn)

    def test_a_deny_wins(self, cloud: LocalCloud) -> None:
        deny = {"Effect": "Deny", "Action": "ecs:ListClusters"}
        ecs = Role(cloud, {"Action": "ecs:*"}, deny).client("ecs")
        with pytest.raises(ClientError, match="explicit deny"):
            ecs.list_clusters()

    def test_a_permissions_boundary_limits_a_role(self, cloud: LocalCloud) -> None:
        document = {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}
        boundary = cloud.client("iam").create_policy(
            PolicyName=f"b-{uuid.uuid4().hex[:8]}",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [document]}),
        )["Policy"]["Arn"]
        role = Role(cloud, {"Action": "ecs:*"}, PermissionsBoundary=boundary)
        assert role.client("ecs").list_clusters()
        with pytest.raises(ClientError, match="no permissions boundary allows"):
            role.client("ecs").list_task_definitions()


class TestStateMachines:
    def test_a_machine_invokes_only_what_its_role_allows(self, cloud: LocalCloud) -> None:
        role = Role(cloud, {"Action": "states:StartExecution"})
        sfn = cloud.client("stepfunctions")
        function = f"arn:aws:lambda:ap-northeast-1:{ACCOUNT}:function:other"
        states = {"Call": {"Type": "Task", "Resource": function, "End": True}}
        machine = sfn.create_state_machine(
            name=f"m-{uuid.uuid4().hex}",
            definition=json.dumps({"StartAt": "Call", "States": states}),
            roleArn=role.arn,
        )["stateMachineArn"]
        arn = sfn.start_execution(stateMachineArn=machine)["executionArn"]
        until_true(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
        ended = sfn.describe_execution(executionArn=arn)
        assert ended["error"] == "Lambda.AWSLambdaException"
        assert f"lambda:InvokeFunction on resource: {function}" in ended["cause"]

    def test_execution_logs_need_their_rights(self, cloud: LocalCloud, tmp_path: Any) -> None:
        template = tmp_path / "template.yaml"
        template.write_text(
            """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Machine:
                Type: AWS::Serverless::StateMachine
                Properties:
                  Policies:
                    - Statement: {Effect: Allow, Action: "logs:GetLogDelivery", Resource: "*"}
                  Logging:
                    Level: ALL
                    Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Logs.Arn}}]
                  Definition: {StartAt: Done, States: {Done: {Type: Succeed}}}
              Logs: {Type: AWS::Logs::LogGroup}
            """
        )
        with pytest.raises(TemplateError, match=r"execution logs of .* logs:CreateLogDelivery"):
            cloud.deploy(template, {}, name="logging")

    @pytest.mark.parametrize("prefix", ["waiting", "other"])
    def test_a_token_belongs_to_its_machine(self, cloud: LocalCloud, prefix: str) -> None:
        sfn = cloud.client("stepfunctions")
        name, queue = f"waiting-{uuid.uuid4().hex}", f"q-{uuid.uuid4().hex[:8]}"
        url = cloud.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
        wait = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"},
            "End": True,
        }
        machine = sfn.create_state_machine(
            name=name,
            definition=json.dumps({"StartAt": "Wait", "States": {"Wait": wait}}),
            roleArn=Role(cloud, {"Action": "sqs:SendMessage"}).arn,
        )["stateMachineArn"]
        execution = sfn.start_execution(stateMachineArn=machine)["executionArn"]
        tokens: list[str] = []

        def sent() -> bool:
            found = cloud.client("sqs").receive_message(QueueUrl=url).get("Messages", [])
            tokens.extend(message["Body"] for message in found)
            return bool(tokens)

        until_true(sent)
        machines = f"arn:aws:states:ap-northeast-1:{ACCOUNT}:stateMachine:{prefix}-*"
        resumer = Role(cloud, {"Action": "states:SendTaskSuccess", "Resource": machines})
        answer = {"taskToken": tokens[0], "output": "{}"}
        if prefix == "waiting":
            resumer.client("stepfunctions").send_task_success(**answer)
            until_true(
                lambda: sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"
            )
        else:
            with pytest.raises(ClientError) as error:
                resumer.client("stepfunctions").send_task_success(**answer)
            assert denied(error, "states:SendTaskSuccess", machine)
            sfn.stop_execution(executionArn=execution)


class TestMemory:
    def test_decisions_and_used_grants_are_remembered(self, cloud: LocalCloud) -> None:
        role = Role(cloud, {"Action": ["ecs:ListClusters", "ecs:StopTask"]}, {"Action": "logs:*"})
        role.client("ecs").list_clusters()
        with pytest.raises(ClientError):
            role.client("ecs").list_task_definitions()
        decided = {
            (d.action, d.resource): d.allowed
            for d in cloud.guard.decisions
            if d.role_arn == role.arn
        }
        assert decided == {("ecs:ListClusters", "*"): True, ("ecs:ListTaskDefinitions", "*"): False}
        unused = cloud.guard.grants(role.arn) - cloud.guard.used_grants
        assert {(grant.statement, grant.action) for grant in unused} == {
            (0, "ecs:StopTask"),
            (1, "logs:*"),
        }
