"""An environment's resources, created by hand on the strict fake, under their usual names."""

from __future__ import annotations

from typing import cast

from localcloud.clock import ManualClock
from localcloud.strict import ControlPlane
from tests.acceptance.deployed import Aws


def make(aws: Aws, plane: ControlPlane, name: str, run: str) -> None:
    """One service, web, in the cluster and namespace `name`; the schedule is named after `run`."""
    clock = cast(ManualClock, plane.clock)
    ecs, cloudmap = aws.client("ecs"), aws.client("servicediscovery")
    cloudmap.create_http_namespace(Name=name, CreatorRequestId=name)
    clock.advance(5)
    (namespace,) = [
        each for each in cloudmap.list_namespaces()["Namespaces"] if each["Name"] == name
    ]
    ecs.create_cluster(clusterName=name, serviceConnectDefaults={"namespace": namespace["Arn"]})
    clock.advance(5)
    aws.client("logs").create_log_group(logGroupName=f"/{name}/web")
    definition = {
        "family": f"{name}--web",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "web",
                "image": "nginx",
                "portMappings": [{"name": "web", "containerPort": 80, "appProtocol": "http"}],
            }
        ],
    }
    for _ in range(2):
        ecs.register_task_definition(**definition)
    ecs.create_service(
        cluster=name,
        serviceName="web",
        taskDefinition=f"{name}--web",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": list(plane.account.subnet_ids),
                "securityGroups": [plane.account.security_group_id],
            }
        },
        serviceConnectConfiguration={
            "enabled": True,
            "services": [{"portName": "web", "clientAliases": [{"port": 80}]}],
        },
    )
    clock.advance(5)
    aws.client("scheduler").create_schedule(
        Name=f"{run}-expiry",
        ScheduleExpression="at(2099-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:states:ap-northeast-1:123456789012:stateMachine:any",
            "RoleArn": plane.account.execution_role_arn,
        },
    )
