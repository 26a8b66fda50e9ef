"""ECS and Cloud Map refuse with AWS's recorded texts: tests/recorded/ecs-errors.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.timings import TEST
from tests.localcloud.member_by_member import is_like, recorded
from tests.localcloud.strict_cloud import Cloud, connected

ERRORS: dict[str, dict[str, str]] = {item["operation"]: item for item in recorded("ecs-errors")}
NO_ROOM = {"maximumPercent": 100, "minimumHealthyPercent": 0}


def draining(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.service()


def inactive_cluster(cloud: Cloud) -> None:
    cloud.cluster_and_definition()
    cloud.ecs.delete_cluster(cluster="shop")
    cloud.service()


def taken_endpoint(cloud: Cloud) -> None:
    arn = cloud.namespace()
    cloud.running_web(serviceConnectConfiguration=connected(arn))
    cloud.service("other", serviceConnectConfiguration=connected(arn))


def port_of_nobody(cloud: Cloud) -> None:
    arn = cloud.namespace()
    cloud.cluster_and_definition()
    cloud.service(serviceConnectConfiguration=connected(arn, portName="nobody"))


def tasks_left(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.wait(TEST.placement)
    cloud.ecs.delete_cluster(cluster="shop")


def services_in_the_namespace(cloud: Cloud) -> None:
    arn = cloud.namespace()
    cloud.running_web(serviceConnectConfiguration=connected(arn))
    cloud.cloudmap.delete_namespace(Id=arn.rsplit("/", 1)[-1])


def instances_in_the_service(cloud: Cloud) -> None:
    cloud.running_web(serviceConnectConfiguration=connected(cloud.namespace()))
    (service,) = cloud.cloudmap.list_services()["Services"]
    cloud.cloudmap.delete_service(Id=service["Id"])


def namespace_that_is_there(cloud: Cloud, how: Any = "DUPLICATE") -> None:
    cloud.plane.cloudmap.completed_creations = how
    cloud.namespace()
    cloud.cloudmap.create_http_namespace(Name="shop")


def twice(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.service()


def another_cluster(cloud: Cloud) -> None:
    cloud.cluster()
    cloud.cluster(tags=[{"key": "team", "value": "shop"}])


def of_no_service(operation: str) -> Callable[[Cloud], Any]:
    def call(cloud: Cloud) -> None:
        cloud.cluster()
        if operation == "UpdateService":
            cloud.ecs.update_service(cluster="shop", service="nobody", desiredCount=0)
        else:
            cloud.ecs.list_tasks(cluster="shop", serviceName="nobody")

    return call


def services_left(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.ecs.delete_cluster(cluster="shop")


def no_room(cloud: Cloud) -> None:
    cloud.running_web()
    cloud.ecs.update_service(cluster="shop", service="web", deploymentConfiguration=NO_ROOM)


REFUSED: dict[str, Callable[[Cloud], Any]] = {
    "CreateService again": twice,
    "CreateService while draining": draining,
    "CreateService in an inactive cluster": inactive_cluster,
    "DescribeServices without a cluster": lambda cloud: cloud.described(),
    "UpdateService of no service": of_no_service("UpdateService"),
    "ListTasks of no service": of_no_service("ListTasks"),
    "CreateService with a taken endpoint": taken_endpoint,
    "CreateService with a port that no container names": port_of_nobody,
    "CreateCluster again with other arguments": another_cluster,
    "DescribeTaskDefinition of none": lambda cloud: cloud.ecs.describe_task_definition(
        taskDefinition="nobody"
    ),
    "DeleteCluster with services": services_left,
    "DeleteCluster with tasks": tasks_left,
    "DeleteNamespace with services": services_in_the_namespace,
    "DeleteService of Cloud Map with instances": instances_in_the_service,
    "CreateHttpNamespace after another one has completed": namespace_that_is_there,
    "UpdateService that leaves no room for rebalancing": no_room,
}


def test_every_recorded_error_is_tested() -> None:
    assert REFUSED.keys() == ERRORS.keys()


@pytest.mark.parametrize("operation", ERRORS)
def test_errors_have_awss_text(cloud: Cloud, operation: str) -> None:
    with pytest.raises(ClientError) as refused:
        REFUSED[operation](cloud)
    actual = refused.value.response["Error"]
    assert actual["Code"] == ERRORS[operation]["code"]
    assert is_like(ERRORS[operation]["message"], actual["Message"]), actual["Message"]


@pytest.mark.parametrize(
    ("how", "members"), [("DUPLICATE", {"DuplicateOperationId"}), ("DUPLICATE_WITHOUT_ID", set())]
)
def test_the_error_can_name_the_completed_operation(
    cloud: Cloud, how: Any, members: set[str]
) -> None:
    """Nobody has recorded which of the two AWS does."""
    with pytest.raises(ClientError) as refused:
        namespace_that_is_there(cloud, how)
    found: dict[str, Any] = refused.value.response  # type: ignore[assignment]
    assert found["Error"]["Code"] == "DuplicateRequest"
    assert members == {"DuplicateOperationId"} & found.keys()
    if members:
        operation = cloud.cloudmap.get_operation(OperationId=found["DuplicateOperationId"])
        assert operation["Operation"]["Status"] == "SUCCESS"
