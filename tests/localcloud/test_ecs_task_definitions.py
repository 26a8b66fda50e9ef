"""Task definitions: what registration refuses and completes, and the life of a revision."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.timings import TEST
from tests.localcloud.strict_cloud import (
    Cloud,
    fargate_task,
    health_check,
    refused,
    web_container,
)


def without(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in names}


def logging(**options: str) -> dict[str, Any]:
    return web_container(logConfiguration={"logDriver": "awslogs", "options": options})


AWSLOGS = {
    "awslogs-group": "/ecs/web",
    "awslogs-region": "ap-northeast-1",
    "awslogs-stream-prefix": "web",
}

REFUSED = [
    pytest.param(
        fargate_task(cpu="256", memory="8192"),
        "No Fargate configuration exists for given values",
        id="T04, memory too large for the cpu",
    ),
    pytest.param(fargate_task(cpu="300"), "No Fargate configuration exists", id="T04, no such cpu"),
    pytest.param(
        without(fargate_task(), "cpu"),
        "Fargate requires that 'cpu' be defined at the task level.",
        id="T05, cpu",
    ),
    pytest.param(
        fargate_task(memory=None) | {"containerDefinitions": [web_container(memory=512)]},
        "Fargate requires that 'memory' be defined at the task level.",
        id="T05, memory",
    ),
    pytest.param(
        without(
            fargate_task(
                containerDefinitions=[web_container(secrets=[{"name": "A", "valueFrom": "arn:x"}])]
            ),
            "executionRoleArn",
        ),
        "you must also specify a value for 'executionRoleArn'",
        id="T06",
    ),
    pytest.param(
        fargate_task(containerDefinitions=[logging(**without(AWSLOGS, "awslogs-group"))]),
        "Log driver awslogs requires options: awslogs-group",
        id="T07, group",
    ),
    pytest.param(
        fargate_task(containerDefinitions=[logging(**without(AWSLOGS, "awslogs-stream-prefix"))]),
        "Log driver awslogs requires options: awslogs-stream-prefix",
        id="T07, stream prefix on Fargate",
    ),
    pytest.param(
        without(fargate_task(containerDefinitions=[logging(**AWSLOGS)]), "executionRoleArn"),
        "to support log driver awslogs",
        id="awslogs on Fargate without an execution role",
    ),
    pytest.param(
        fargate_task(networkMode="bridge"), "network mode 'awsvpc'", id="bridge on Fargate"
    ),
    pytest.param(
        fargate_task(containerDefinitions=[web_container(privileged=True)]),
        "privileged",
        id="privileged on Fargate",
    ),
    pytest.param(
        fargate_task(containerDefinitions=[web_container(), web_container()]),
        "Container names must be unique",
        id="two containers of one name",
    ),
    pytest.param(
        fargate_task(
            containerDefinitions=[
                web_container(portMappings=[{"containerPort": 80, "hostPort": 8080}])
            ]
        ),
        "must match",
        id="another host port under awsvpc",
    ),
    pytest.param(
        fargate_task(containerDefinitions=[web_container(essential=False)]),
        "at least one essential container",
        id="nothing essential",
    ),
    pytest.param(
        fargate_task(containerDefinitions=[]), "Container list cannot be empty", id="no container"
    ),
    pytest.param(
        fargate_task(containerDefinitions=[web_container(healthCheck=health_check(interval=1))]),
        "health check interval",
        id="health check too often",
    ),
    *(
        pytest.param(
            fargate_task(containerDefinitions=[web_container(**changes), *others]), message, id=name
        )
        for name, changes, others, message in (
            ("links", {"links": ["db"]}, [], "Links are not supported"),
            ("hostname", {"hostname": "web"}, [], "hostname is not supported"),
            (
                "extra hosts",
                {"extraHosts": [{"hostname": "db", "ipAddress": "10.0.0.1"}]},
                [],
                "Extra hosts are not supported",
            ),
            (
                "a capability",
                {"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}},
                [],
                "NET_ADMIN is not allowed on Fargate.",
            ),
            (
                "shared memory",
                {"linuxParameters": {"sharedMemorySize": 64}},
                [],
                "sharedMemorySize",
            ),
            ("a long stop", {"stopTimeout": 121}, [], "stopTimeout of 2 to 120 seconds"),
            (
                "a GPU",
                {"resourceRequirements": [{"type": "GPU", "value": "1"}]},
                [],
                "GPU resource requirements",
            ),
            ("port 70000", {"portMappings": [{"containerPort": 70000}]}, [], "containerPort"),
            (
                "a port for two protocols",
                {
                    "portMappings": [
                        {"containerPort": 53},
                        {"containerPort": 53, "protocol": "udp"},
                    ]
                },
                [],
                "multiple protocols",
            ),
            (
                "depends on nobody",
                {"dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]},
                [],
                "Cannot depend on container migrate because it does not exist",
            ),
            (
                "waits for an essential container's end",
                {"dependsOn": [{"containerName": "db", "condition": "COMPLETE"}]},
                [web_container(name="db", portMappings=[])],
                "cannot be an essential container",
            ),
            (
                "waits for the health of an unchecked container",
                {"dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]},
                [web_container(name="db", portMappings=[])],
                "must have health check configured",
            ),
            (
                "a circle",
                {"dependsOn": [{"containerName": "db", "condition": "START"}]},
                [
                    web_container(
                        name="db",
                        portMappings=[],
                        dependsOn=[{"containerName": "app", "condition": "START"}],
                    )
                ],
                "should not have a cycle",
            ),
            (
                "eleven containers",
                {},
                [web_container(name=f"c{number}", portMappings=[]) for number in range(10)],
                "Too many containers.",
            ),
            (
                "an unknown log option",
                {"logConfiguration": {"logDriver": "awslogs", "options": {"log_key": "log"}}},
                [],
                "Log driver awslogs disallows options: log_key",
            ),
            (
                "no log router",
                {"logConfiguration": {"logDriver": "awsfirelens"}},
                [],
                "a firelens configuration object must be specified",
            ),
            (
                "more reserved than allowed",
                {"memory": 64, "memoryReservation": 128},
                [],
                "greater than or equal to 'memoryReservation'",
            ),
            (
                "a limit above its limit",
                {"ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]},
                [],
                "Soft limit exceeds hard limit for ulimit nofile",
            ),
            (
                "a restart too soon",
                {"restartPolicy": {"enabled": True, "restartAttemptPeriod": 59}},
                [],
                "between 60 and 1800",
            ),
            (
                "a volume of nobody",
                {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]},
                [],
                "Unknown volume 'data'",
            ),
        )
    ),
    pytest.param(fargate_task(pidMode="host"), "pidMode 'host'", id="host pid mode on Fargate"),
    pytest.param(
        fargate_task(ephemeralStorage={"sizeInGiB": 20}), "between 21 and 200", id="small storage"
    ),
    pytest.param(
        fargate_task(
            volumes=[
                {
                    "name": "data",
                    "efsVolumeConfiguration": {
                        "fileSystemId": "fs-12345678",
                        "authorizationConfig": {"iam": "ENABLED"},
                    },
                }
            ]
        ),
        "EFS IAM authorization requires TransitEncryption to be enabled",
        id="EFS with IAM and without encryption",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_a_definition_that_breaks_a_rule_is_refused(
    cloud: Cloud, arguments: dict[str, Any], message: str
) -> None:
    given = {name: value for name, value in arguments.items() if value is not None}
    with refused("ClientException") as error:
        cloud.ecs.register_task_definition(**given)
    assert message in error.message
    assert cloud.ecs.list_task_definitions()["taskDefinitionArns"] == []


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        ("256", "512"),
        (".25 vCPU", "0.5 GB"),
        ("1024", "8192"),
        ("16 vCPU", "120GB"),
        ("32 vCPU", "244GB"),
    ],
)
def test_fargate_sizes_are_accepted(cloud: Cloud, cpu: str, memory: str) -> None:
    """T04."""
    cloud.task_definition(cpu=cpu, memory=memory)


def test_a_health_check_gets_the_defaults_of_the_documentation(cloud: Cloud) -> None:
    arguments = fargate_task(
        containerDefinitions=[web_container(healthCheck={"command": ["CMD", "true"]})]
    )
    made = cloud.ecs.register_task_definition(**arguments)["taskDefinition"]
    assert made["containerDefinitions"][0]["healthCheck"] == {
        "command": ["CMD", "true"],
        "interval": 30,
        "timeout": 5,
        "retries": 3,
    }


def test_revision_numbers_grow_and_are_never_reused(cloud: Cloud) -> None:
    """T03, T09: registering twice makes two revisions, whether or not they are equal."""
    first, second = cloud.task_definition(), cloud.task_definition()
    assert (first.rsplit("/", 1)[-1], second.rsplit("/", 1)[-1]) == ("web:1", "web:2")
    for arn in (first, second):
        cloud.ecs.deregister_task_definition(taskDefinition=arn)
    cloud.ecs.delete_task_definitions(taskDefinitions=[first, second])
    cloud.wait(TEST.inactive_visible)
    assert cloud.task_definition().endswith("web:3")


def test_a_family_name_means_its_newest_active_revision(cloud: Cloud) -> None:
    """T13: without one, the error code is not a not-found code."""
    first, second = cloud.task_definition(), cloud.task_definition()
    assert described(cloud, "web")["taskDefinitionArn"] == second
    cloud.ecs.deregister_task_definition(taskDefinition=second)
    assert described(cloud, "web")["taskDefinitionArn"] == first
    assert described(cloud, second)["status"] == "INACTIVE"
    with refused("ClientException") as error:
        described(cloud, "nothing")
    assert error.message == "Unable to describe task definition."


def test_an_inactive_revision_cannot_start_a_service(cloud: Cloud) -> None:
    """T10, T09."""
    cloud.cluster()
    arn = cloud.task_definition()
    cloud.ecs.deregister_task_definition(taskDefinition=arn)
    with refused("ClientException") as error:
        cloud.service(taskDefinition=arn)
    assert error.message == "TaskDefinition is inactive"
    with refused("ClientException") as error:
        cloud.service(taskDefinition="web:newest")
    assert "Invalid revision number" in error.message


def test_only_an_inactive_revision_is_deleted_after_a_while(cloud: Cloud) -> None:
    """T12."""
    arn = cloud.task_definition()
    answer = cloud.ecs.delete_task_definitions(taskDefinitions=[arn])
    assert "still in ACTIVE status" in answer["failures"][0]["reason"]

    cloud.ecs.deregister_task_definition(taskDefinition=arn)
    answer = cloud.ecs.delete_task_definitions(taskDefinitions=[arn])
    assert [item["status"] for item in answer["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    deleting = cloud.ecs.list_task_definitions(status="DELETE_IN_PROGRESS")
    assert deleting["taskDefinitionArns"] == [arn]

    cloud.wait(TEST.inactive_visible)
    with refused("ClientException"):
        described(cloud, arn)


def test_a_revision_in_use_stays_delete_in_progress(cloud: Cloud) -> None:
    """T12."""
    cloud.running_web()
    arn = described(cloud, "web")["taskDefinitionArn"]
    cloud.ecs.deregister_task_definition(taskDefinition=arn)
    cloud.ecs.delete_task_definitions(taskDefinitions=[arn])
    cloud.wait(TEST.inactive_visible * 2)
    assert described(cloud, arn)["status"] == "DELETE_IN_PROGRESS"


def test_a_call_deletes_at_most_ten_revisions(cloud: Cloud) -> None:
    """T12."""
    arns = [cloud.task_definition() for _ in range(11)]
    with refused("InvalidParameterException"):
        cloud.ecs.delete_task_definitions(taskDefinitions=arns)


def test_tags_are_returned_only_on_request(cloud: Cloud) -> None:
    arn = cloud.task_definition(tags=[{"key": "owner", "value": "me"}])
    assert "tags" not in cloud.ecs.describe_task_definition(taskDefinition=arn)
    answer = cloud.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    assert answer["tags"] == [{"key": "owner", "value": "me"}]


def described(cloud: Cloud, identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.ecs.describe_task_definition(taskDefinition=identifier)
    return dict(found["taskDefinition"])
