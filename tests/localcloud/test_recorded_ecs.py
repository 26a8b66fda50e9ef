"""ECS, Cloud Map and EC2 answer as AWS did: the records are in tests/recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.account import REGION, SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.request_shape import operation_model
from localcloud.strict_response import StrictResponse
from localcloud.tasks.scripted import healthy, never_starts, pull_failed, unhealthy
from localcloud.timings import TEST
from tests.localcloud.member_by_member import assert_as_recorded, is_like, recorded, unknown_members
from tests.localcloud.strict_cloud import Cloud, connected, health_check, web_container

SIDECAR = {"name": "exporter", "image": "registry/exporter:1", "essential": False}


@pytest.fixture(autouse=True)
def no_member_is_invented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every answer in these tests has only members of botocore's model: on the wire any others
    would be lost unnoticed."""
    answer = StrictResponse._answer
    unknown: list[str] = []

    def checked(self: StrictResponse, name: str) -> dict[str, Any]:
        given = answer(self, name)
        shape = operation_model(self.service, name).output_shape
        unknown.extend(f"{name}: {member}" for member in unknown_members(shape, given))
        return given

    monkeypatch.setattr(StrictResponse, "_answer", checked)
    yield
    assert unknown == []


def connected_task(cloud: Cloud) -> None:
    """A service "web" with a proxy, a sidecar and a health check, and its definition "web"."""
    log = {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/shop/proxy",
            "awslogs-region": REGION,
            "awslogs-stream-prefix": "proxy",
        },
    }
    cloud.logs.create_log_group(logGroupName="/shop/proxy")
    cloud.runtime.script("registry/web:1", healthy(after=0.01))
    cloud.task_definition(
        cpu="512",
        memory="1024",
        containerDefinitions=[SIDECAR, web_container(healthCheck=health_check())],
    )
    network = {"subnets": list(SUBNET_IDS[:2]), "securityGroups": [SECURITY_GROUP_ID]}
    cloud.service(
        serviceConnectConfiguration={
            **connected(cloud.namespace(), clientAliases=[{"port": 8080, "dnsName": "web"}]),
            "logConfiguration": log,
        },
        networkConfiguration={"awsvpcConfiguration": network},
        enableECSManagedTags=True,
        propagateTags="SERVICE",
        tags=[{"key": "team", "value": "shop"}],
    )


class TestDescribeTasks:
    def test_a_running_task_with_service_connect(self, cloud: Cloud) -> None:
        cloud.cluster()
        connected_task(cloud)
        cloud.wait()
        (arn,) = cloud.ecs.list_tasks(cluster="shop")["taskArns"]
        answer = cloud.ecs.describe_tasks(cluster="shop", tasks=[arn])
        assert_as_recorded("ecs-describe-tasks-service-connect", answer)

    def test_a_task_just_placed(self, cloud: Cloud) -> None:
        cloud.cluster_and_definition()
        cloud.service()
        cloud.wait(TEST.placement)
        (task,) = cloud.tasks()
        assert_as_recorded("ecs-run-task-starting", task)

    def test_a_task_whose_image_was_not_pulled(self, cloud: Cloud) -> None:
        cloud.runtime.script("registry/web:1", pull_failed("CannotPullContainerError: not found"))
        cloud.running_web()
        arn = cloud.tasks("STOPPED")[0]["taskArn"]
        answer = cloud.ecs.describe_tasks(cluster="shop", tasks=[arn])
        assert_as_recorded("ecs-describe-tasks-stopped-pull-failed", answer)


class TestServices:
    def test_a_service_just_created(self, cloud: Cloud) -> None:
        cloud.cluster_and_definition()
        assert_as_recorded("ecs-create-service", {"service": cloud.service(desiredCount=2)})

    def test_a_connected_service_in_its_steady_state(self, cloud: Cloud) -> None:
        cloud.cluster()
        connected_task(cloud)
        cloud.wait()
        answer = cloud.ecs.describe_services(cluster="shop", services=["web"], include=["TAGS"])
        assert_as_recorded("ecs-describe-services-service-connect", answer)

    def test_update_service_answers_before_the_new_deployment_takes_over(
        self, cloud: Cloud
    ) -> None:
        two_tasks(cloud, assignPublicIp="DISABLED")
        answer = cloud.ecs.update_service(cluster="shop", service="web", forceNewDeployment=True)
        assert_as_recorded("ecs-update-service-rolling", answer)

    def test_a_deleted_service_keeps_its_deployment_while_it_drains(self, cloud: Cloud) -> None:
        percents = {"maximumPercent": 200, "minimumHealthyPercent": 50}
        two_tasks(cloud, assignPublicIp="ENABLED", deploymentConfiguration=percents)
        deleted = cloud.ecs.delete_service(cluster="shop", service="web", force=True)
        assert_as_recorded("ecs-delete-service-draining", deleted)
        assert_as_recorded("ecs-delete-service-draining", {"service": cloud.described()})

    def test_a_deployment_that_failed_drains_beside_the_one_it_was_rolled_back_to(
        self, cloud: Cloud
    ) -> None:
        breaker = {"enable": True, "rollback": True}
        cloud.running_web(deploymentConfiguration={"deploymentCircuitBreaker": breaker})
        roll_back(cloud)
        assert_as_recorded("ecs-deployments-rolled-back-2026", cloud.described()["deployments"])

    def test_a_rollback_that_starts_new_tasks(self, cloud: Cloud) -> None:
        """Created at that moment, without tasks at first, and completed in the end."""
        breaker = {"enable": True, "rollback": True}
        cloud.plane.rolls_back_anew = True
        cloud.running_web(deploymentConfiguration={"deploymentCircuitBreaker": breaker})
        (good,) = cloud.described()["deployments"]
        (first,) = cloud.tasks()
        roll_back(cloud)
        again, *_ = cloud.described()["deployments"]
        assert_as_recorded("ecs-deployment-rolled-back-2022", again)
        assert again["id"] == good["id"]
        assert good["createdAt"] < again["createdAt"] == again["updatedAt"]
        cloud.wait()
        (done,) = cloud.described()["deployments"]
        assert (done["id"], done["rolloutState"]) == (good["id"], "COMPLETED")
        (task,) = cloud.tasks()
        assert task["startedBy"] == first["startedBy"] == good["id"]
        assert task["taskArn"] != first["taskArn"]


class TestClusters:
    def test_a_cluster_with_a_namespace_begins_to_attach_it(self, cloud: Cloud) -> None:
        answer = cloud.ecs.create_cluster(
            clusterName="shop", serviceConnectDefaults={"namespace": cloud.namespace()}
        )
        assert_as_recorded("ecs-create-cluster-service-connect-defaults", answer["cluster"])

    def test_members_not_included_are_empty(self, cloud: Cloud) -> None:
        cloud.cluster(serviceConnectDefaults={"namespace": cloud.namespace()})
        cloud.task_definition()
        cloud.service()
        cloud.wait()
        answer = cloud.ecs.describe_clusters(clusters=["shop"])
        assert_as_recorded("ecs-describe-clusters-service-connect-defaults", answer)


class TestCloudMap:
    def discovered(self, cloud: Cloud) -> dict[str, Any]:
        """The Cloud Map service of a connected service with two tasks."""
        arn = cloud.namespace()
        cloud.cluster_and_definition()
        cloud.service(desiredCount=2, serviceConnectConfiguration=connected(arn))
        cloud.wait()
        (service,) = cloud.cloudmap.list_services()["Services"]
        return dict(service)

    def test_tasks_are_listed_as_instances(self, cloud: Cloud) -> None:
        answer = cloud.cloudmap.list_instances(ServiceId=self.discovered(cloud)["Id"])
        assert_as_recorded("cloudmap-list-instances-service-connect", answer)
        (deployment,) = cloud.described()["deployments"]
        for instance in answer["Instances"]:
            assert instance["Attributes"]["DeploymentId"].endswith(f"/shop/web/{deployment['id']}")

    def test_timeouts_are_instance_attributes(self, cloud: Cloud) -> None:
        """Assumed: the only record is the 0 of an endpoint that has none."""
        arn = cloud.namespace()
        cloud.cluster_and_definition()
        timeout = {"idleTimeoutSeconds": 60, "perRequestTimeoutSeconds": 15}
        cloud.service(serviceConnectConfiguration=connected(arn, timeout=timeout))
        cloud.wait()
        (service,) = cloud.cloudmap.list_services()["Services"]
        (instance,) = cloud.cloudmap.list_instances(ServiceId=service["Id"])["Instances"]
        attributes = instance["Attributes"]
        assert attributes["IdleTimeoutInSeconds"] == "60"
        assert attributes["PerRequestTimeoutInSeconds"] == "15"

    def test_a_service_names_its_creator(self, cloud: Cloud) -> None:
        self.discovered(cloud)
        answer = cloud.cloudmap.list_services()
        assert_as_recorded("cloudmap-list-services-service-connect", answer)
        assert answer["Services"][0]["Description"].endswith(cloud.described()["serviceArn"])

    def test_what_ecs_created_has_its_tag(self, cloud: Cloud) -> None:
        service = self.discovered(cloud)
        answer = cloud.cloudmap.list_tags_for_resource(ResourceARN=service["Arn"])
        assert_as_recorded("cloudmap-list-tags-service-connect", answer)

    def test_namespaces_and_the_operations_that_make_them(self, cloud: Cloud) -> None:
        begun = cloud.cloudmap.create_http_namespace(Name="shop", Description="of a shop")
        cloud.wait()
        answer = cloud.cloudmap.get_operation(OperationId=begun["OperationId"])
        assert_as_recorded("cloudmap-get-operation", answer)
        assert_as_recorded("cloudmap-list-namespaces", cloud.cloudmap.list_namespaces())


class TestNetwork:
    def test_the_interface_of_a_task_is_named_after_its_attachment(self, cloud: Cloud) -> None:
        cloud.running_web()
        (task,) = cloud.tasks()
        (attachment,) = task["attachments"]
        details = {item["name"]: item["value"] for item in attachment["details"]}
        answer = cloud.ec2.describe_network_interfaces(
            NetworkInterfaceIds=[details["networkInterfaceId"]]
        )
        assert_as_recorded("ec2-describe-network-interfaces-task", answer)
        (interface,) = answer["NetworkInterfaces"]
        assert interface["Description"].endswith(f":attachment/{attachment['id']}")

    def test_the_rules_of_a_security_group(self, cloud: Cloud) -> None:
        answer = cloud.ec2.describe_security_groups(GroupIds=[SECURITY_GROUP_ID])
        assert_as_recorded("ec2-describe-security-groups", answer)


class TestServiceEvents:
    """A service's events in DescribeServices, in ECS's words and order."""

    def test_unhealthy_tasks_are_replaced_before_they_are_stopped(self, cloud: Cloud) -> None:
        cloud.runtime.script("registry/web:1", unhealthy())
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(healthCheck=health_check())])
        cloud.service()
        cloud.wait(1)
        story = recorded("ecs-service-events")["unhealthy deployment"]
        assert self.shapes(cloud)[: len(story)] == story
        first, *_ = cloud.tasks("STOPPED")
        assert cloud.events()[-3].startswith(
            f"(service web) (task {first['taskArn'][-32:]}) failed"
        )

    def test_a_rollback(self, cloud: Cloud) -> None:
        cloud.plane.rolls_back_anew = True
        actual = self.of_a_roll_back(cloud)
        failed = actual.index("failed")
        assert actual[failed : failed + 3] == recorded("ecs-service-events")["rolled back"]
        assert actual[-2:] == recorded("ecs-service-events")["completed"]

    def test_the_number_of_tasks_stopped_before_they_run_is_reported(self, cloud: Cloud) -> None:
        cloud.runtime.script("registry/web:1", never_starts())
        cloud.cluster_and_definition()
        cloud.service(desiredCount=2)
        cloud.wait()
        cloud.ecs.update_service(cluster="shop", service="web", desiredCount=0)
        cloud.wait(TEST.placement)
        assert cloud.events()[0] == "(service web) stopped 2 pending tasks."
        assert self.shapes(cloud) == ["started", "stopped while pending"]

    def of_a_roll_back(self, cloud: Cloud) -> list[str]:
        """The shapes of the events while a deployment fails its health checks."""
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(healthCheck=health_check())])
        cloud.service(deploymentConfiguration=breaker)
        cloud.wait()
        cloud.runtime.script("registry/web:2", unhealthy())
        broken = web_container(image="registry/web:2", healthCheck=health_check())
        cloud.task_definition(containerDefinitions=[broken])
        cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
        cloud.wait()
        return self.shapes(cloud)

    def shapes(self, cloud: Cloud) -> list[str]:
        """The shapes of all events, oldest first; an unrecorded shape is an error."""
        shapes = recorded("ecs-service-events")["shapes"]
        return [
            next(name for name, shape in shapes.items() if is_like(shape, text))
            for text in reversed(cloud.events())
        ]


def two_tasks(cloud: Cloud, *, assignPublicIp: str, **arguments: Any) -> None:  # noqa: N803
    """A service "web" with two tasks in a steady state, as in its records."""
    network = {
        "subnets": list(SUBNET_IDS[:2]),
        "securityGroups": [SECURITY_GROUP_ID],
        "assignPublicIp": assignPublicIp,
    }
    cloud.cluster()
    cloud.task_definition(taskRoleArn=cloud.role_arn)
    cloud.service(
        desiredCount=2,
        enableExecuteCommand=True,
        networkConfiguration={"awsvpcConfiguration": network},
        **arguments,
    )
    cloud.wait()


def roll_back(cloud: Cloud) -> None:
    """Lets a new deployment of "web" fail until ECS has just rolled back."""
    cloud.runtime.script("registry/web:2", pull_failed("CannotPullContainerError: not found"))
    cloud.task_definition(containerDefinitions=[web_container(image="registry/web:2")])
    cloud.ecs.update_service(cluster="shop", service="web", taskDefinition="web")
    for _ in range(500):
        if any("rolling back" in text for text in cloud.events()):
            return
        cloud.wait(0.01)
    raise AssertionError("the deployment was not rolled back")
