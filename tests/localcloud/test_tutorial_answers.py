"""The tutorial's own commands are answered as real AWS answered them, field by field."""

from __future__ import annotations

from typing import Any

from tests.localcloud.recorded_answers import NAMESPACE, arguments, comparable, recorded
from tests.localcloud.strict_cloud import Cloud


def create_cluster(cloud: Cloud) -> dict[str, Any]:
    made: dict[str, Any] = cloud.ecs.create_cluster(
        clusterName="tutorial", serviceConnectDefaults={"namespace": NAMESPACE}
    )
    return made


def register_task_definition(cloud: Cloud) -> dict[str, Any]:
    made: dict[str, Any] = cloud.ecs.register_task_definition(**arguments("service-connect-nginx"))
    return made


def create_service(cloud: Cloud) -> dict[str, Any]:
    made: dict[str, Any] = cloud.ecs.create_service(**arguments("service-connect-nginx-service"))
    return made


def test_create_cluster_begins_to_attach_the_new_namespace(cloud: Cloud) -> None:
    """C02."""
    assert comparable(create_cluster(cloud)) == comparable(recorded("create-cluster"))


def test_list_namespaces_shows_the_namespace_that_ecs_created(cloud: Cloud) -> None:
    create_cluster(cloud)
    cloud.wait()

    assert comparable(cloud.cloudmap.list_namespaces()) == comparable(recorded("list-namespaces"))


def test_register_task_definition_fills_in_the_defaults(cloud: Cloud) -> None:
    answer = register_task_definition(cloud)

    assert comparable(answer) == comparable(recorded("register-task-definition"))


def test_create_service_answers_with_an_endpoint_and_no_task_yet(cloud: Cloud) -> None:
    create_cluster(cloud)
    cloud.wait()
    register_task_definition(cloud)

    assert comparable(create_service(cloud)) == comparable(recorded("create-service"))


def test_the_service_reaches_the_tutorials_final_state(cloud: Cloud) -> None:
    """H01, H21: completed; one task with its proxy, one Cloud Map instance at its address."""
    for group in ("/ecs/service-connect-nginx", "/ecs/service-connect-proxy"):
        cloud.logs.create_log_group(logGroupName=group)
    create_cluster(cloud)
    cloud.wait()
    register_task_definition(cloud)
    create_service(cloud)
    cloud.wait()

    service = cloud.described("service-connect-nginx-service", cluster="tutorial")
    (deployment,) = service["deployments"]
    assert (deployment["rolloutState"], deployment["runningCount"]) == ("COMPLETED", 1)
    (task,) = cloud.tasks(cluster="tutorial")
    assert [container["name"][:19] for container in task["containers"]] == [
        "ecs-service-connect",
        "webserver",
    ]
    discovery_arn = deployment["serviceConnectResources"][0]["discoveryArn"]
    instances = cloud.cloudmap.list_instances(ServiceId=discovery_arn)["Instances"]
    (interface,) = task["containers"][0]["networkInterfaces"]
    assert [instance["Attributes"]["AWS_INSTANCE_IPV4"] for instance in instances] == [
        interface["privateIpv4Address"]
    ]
