"""Stacks whose parameters are all default, all set, and all at their limits; each is used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.timings import TEST
from tests.requests import environment, web
from tests.template.declared import TEMPLATE
from tests.workflow.application import Application, Ended
from tests.workflow.calls import Calls
from tests.workflow.staged_runtime import StagedRuntime

pytestmark = pytest.mark.xdist_group("stacks")

PARAMETER_LIMIT = 4_096
"""Bytes of a parameter's value (CloudFormation user guide, "Understand CloudFormation quotas")."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(TEST, StagedRuntime(TEST), port=0) as cloud:
        yield cloud


def deployed(cloud: LocalCloud, prefix: str, given: Mapping[str, str]) -> Application:
    assert isinstance(cloud.runtime, StagedRuntime)
    network = {"VpcId": cloud.account.vpc_id, "SubnetIds": cloud.account.subnet_ids[0]}
    return Application(cloud, Calls(), cloud.runtime, prefix, {**network, **given})


def created(app: Application, request: dict[str, Any]) -> Ended:
    return app.create(request).succeeded()


def deleted(app: Application, name: str) -> None:
    app.delete(name).succeeded()
    assert app.left(name) == []


def network_of(service: dict[str, Any]) -> dict[str, Any]:
    network: dict[str, Any] = service["networkConfiguration"]["awsvpcConfiguration"]
    return network


def definition_of(app: Application, service: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = app.client("ecs").describe_task_definition(
        taskDefinition=service["taskDefinition"]
    )["taskDefinition"]
    return found


def lease_of(app: Application, name: str) -> timedelta:
    began, ends = (
        datetime.fromisoformat(app.record(name)[key]) for key in ("leasedAt", "expiresAt")
    )
    return ends - began


def retention(app: Application, name: str) -> set[int]:
    groups = app.client("logs").describe_log_groups(logGroupNamePrefix=f"/{app.prefix}-{name}/")
    return {group["retentionInDays"] for group in groups["logGroups"]}


def may_exec(role: str) -> dict[str, Any]:
    """An environment with a service that has its own role and a shell."""
    definition = {
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "taskRoleArn": role,
        "executionRoleArn": role,
        "containerDefinitions": [
            {
                "name": "web",
                "image": "nginx",
                "essential": True,
                "portMappings": [{"name": "web", "containerPort": 80, "appProtocol": "http"}],
            }
        ],
    }
    connect = {
        "enabled": True,
        "services": [{"portName": "web", "clientAliases": [{"port": 80, "dnsName": "web"}]}],
    }
    service = {
        "serviceName": "web",
        "taskDefinition": definition,
        "desiredCount": 1,
        "enableExecuteCommand": True,
        "serviceConnectConfiguration": connect,
    }
    return environment(service)


def test_a_stack_with_default_parameters_works(cloud: LocalCloud) -> None:
    app = deployed(cloud, "bivouac", {})

    refused = app.create({**may_exec(cloud.account.execution_role_arn), "dryRun": True})
    assert "taskRoleArn" in refused.cause
    assert "enableExecuteCommand" in refused.cause

    created(app, environment())
    service = app.services("demo")["web"]
    network = network_of(service)
    assert network["securityGroups"] == [app.stack.resources["TaskSecurityGroup"]]
    assert network["assignPublicIp"] == "ENABLED"
    role = definition_of(app, service)["executionRoleArn"]
    assert role == app.stack.outputs["TaskExecutionRoleArn"]
    assert retention(app, "demo") == {14}
    deleted(app, "demo")


def test_a_stack_with_every_parameter_set_works(cloud: LocalCloud) -> None:
    iam, account = cloud.client("iam"), cloud.account
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    boundary = iam.create_policy(
        PolicyName="boundary",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )["Policy"]["Arn"]
    topic = account.arn("sns", "alarms")
    other_group = cloud.client("ec2").create_security_group(
        GroupName="other", Description="other", VpcId=account.vpc_id
    )["GroupId"]
    given = {
        "NamePrefix": "team-a",
        "TaskSecurityGroupId": account.security_group_id,
        "AssignPublicIp": "DISABLED",
        "AllowedTaskRoleArns": account.execution_role_arn,
        "AllowedExecutionRoleArns": account.execution_role_arn,
        "AllowedSubnetIds": account.subnet_ids[1],
        "AllowedSecurityGroupIds": other_group,
        "AllowedFileSystemIds": "fs-0123456789abcdef0",
        "AllowedEnvironmentFiles": "arn:aws:s3:::team-a/web.env,arn:aws:s3:::team-a/shared/*",
        "ProofImage": "public.ecr.aws/docker/library/python:3.12-slim",
        "AllowEcsExec": "true",
        "DefaultLease": "2h",
        "MaximumLease": "1d",
        "LogRetentionDays": "30",
        "NamespaceQuota": "60",
        "AlarmTopicArn": topic,
        "PermissionsBoundaryArn": boundary,
    }
    assert given.keys() | {"VpcId", "SubnetIds"} == TEMPLATE["Parameters"].keys()
    app = deployed(cloud, "team-a", given)

    created(app, may_exec(account.execution_role_arn))
    service = app.services("demo")["web"]
    network = network_of(service)
    assert network["securityGroups"] == [account.security_group_id]
    assert network["assignPublicIp"] == "DISABLED"
    assert service["enableExecuteCommand"] is True
    assert definition_of(app, service)["taskRoleArn"] == account.execution_role_arn
    assert retention(app, "demo") == {30}
    theirs = {"subnets": [account.subnet_ids[1]], "securityGroups": [other_group]}
    unlisted = {"awsvpcConfiguration": {"subnets": list(account.subnet_ids)}}
    plan = created(app, environment(web(networkConfiguration=unlisted), dryRun=True))
    assert "AllowedSubnetIds" in json.dumps(plan.output)
    closed = app.create(environment(web(networkConfiguration={"awsvpcConfiguration": theirs})))
    assert "no security group of its tasks admits port 80" in closed.cause, "both are used"
    longer = app.create(environment(web(), lease={"ttl": "2d"}, dryRun=True))
    assert "longer than the stack's maximum of 1d" in longer.cause
    deleted(app, "demo")
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix="team-a")["MetricAlarms"]
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(topic,)}
    for role in app.roles().values():
        held = iam.get_role(RoleName=role.rpartition("/")[2])["Role"]["PermissionsBoundary"]
        assert held["PermissionsBoundaryArn"] == boundary, role


def role_list(last: str) -> str:
    """As many roles as a parameter holds; the last one is used."""
    listed = [last]
    while len(",".join(listed)) <= PARAMETER_LIMIT:
        number = len(listed)
        listed.insert(0, f"arn:aws:iam::123456789012:role/of/team/{number:03}{'r' * 61}")
    return ",".join(listed[1:])


SUBNETS = 120
"""As many as a role's policies have room for, twice (IAM's quota, 10,240 characters)."""


def id_list(kind: str, count: int = PARAMETER_LIMIT) -> str:
    """So many ids, or as many as a parameter holds."""
    fitting = (PARAMETER_LIMIT + 1) // len(f"{kind}-{0:017x},")
    return ",".join(f"{kind}-{number:017x}" for number in range(min(count, fitting)))


def test_a_stack_with_parameters_at_their_limits_works(cloud: LocalCloud) -> None:
    account, prefix = cloud.account, "a2345678-1234567890z"
    given = {
        "NamePrefix": prefix,
        "SubnetIds": ",".join(account.subnet_ids),
        "AllowedTaskRoleArns": role_list(account.execution_role_arn),
        "AllowedExecutionRoleArns": role_list(account.execution_role_arn),
        "AllowedSubnetIds": id_list("subnet", SUBNETS),
        "AllowedSecurityGroupIds": id_list("sg"),
        "AllowedFileSystemIds": id_list("fs"),
        "ProofImage": "python",
        "AllowEcsExec": "true",
        "DefaultLease": "99999d",
        "MaximumLease": "99999d",
        "LogRetentionDays": "1",
        # Its own environment; those of the other tests are deleted
        "NamespaceQuota": "1",
        "AlarmTopicArn": account.arn("sns", "t" * 256),
    }
    app = deployed(cloud, prefix, given)

    name = "n" + "2" * 39
    created(app, {**may_exec(account.execution_role_arn), "name": name})
    assert definition_of(app, app.services(name)["web"])["taskRoleArn"] == (
        account.execution_role_arn
    )
    assert retention(app, name) == {1}
    another = app.create(environment(name="another"))
    assert "quota" in another.cause
    deleted(app, name)
