"""Services: what CreateService, UpdateService and the like refuse, repeat and remember."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from localcloud.account import SUBNET_IDS
from tests.localcloud.strict_cloud import (
    Cloud,
    connected,
    fargate_service,
    fargate_task,
    refused,
    web_container,
)


def network(**changes: Any) -> dict[str, Any]:
    return {
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": [SUBNET_IDS[0]], **changes}}
    }


REFUSED = [
    pytest.param(
        {"networkConfiguration": None},
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        id="S14",
    ),
    pytest.param(
        network(subnets=["subnet-nowhere"]),
        "The subnet ID 'subnet-nowhere' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
        id="S15, subnet",
    ),
    pytest.param(
        network(securityGroups=["sg-nobody"]),
        "(ErrorCode: InvalidGroup.NotFound)",
        id="S15, security group",
    ),
    pytest.param(
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
        "Specifying both a launch type and capacity provider strategy is not supported.",
        id="S23",
    ),
    pytest.param(
        {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]},
        "not associated with the cluster",
        id="a capacity provider that the cluster has not",
    ),
    pytest.param(
        {"healthCheckGracePeriodSeconds": 60},
        "Health check grace period is only valid",
        id="a grace period without a load balancer",
    ),
    pytest.param(
        {"deploymentConfiguration": {"maximumPercent": 99}}, "at least 100", id="maximumPercent"
    ),
    pytest.param(
        {"enableExecuteCommand": True}, "valid taskRoleArn", id="ECS Exec without a task role"
    ),
    pytest.param({"serviceName": "no spaces"}, "is invalid", id="service name"),
    pytest.param({"clientToken": "x" * 37}, "clientToken is invalid", id="client token"),
    pytest.param(
        {"tags": [{"key": "aws:mine", "value": "x"}]}, "reserved", id="a tag of AWS's own"
    ),
    pytest.param(
        {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
        "will block deployments",
        id="percentages that can never deploy",
    ),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_service_that_breaks_a_rule_is_refused(
    cloud: Cloud, changes: dict[str, Any], message: str
) -> None:
    cloud.cluster_and_definition()
    with refused("InvalidParameterException") as error:
        create(cloud, **changes)
    assert message in error.message
    assert cloud.ecs.list_services(cluster="shop")["serviceArns"] == []


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("9.9.9", "PlatformUnknownException"),
        ("1.3.0", "PlatformTaskDefinitionIncompatibilityException"),
    ],
)
def test_service_connect_needs_platform_version_1_4_0(
    cloud: Cloud, version: str, code: str
) -> None:
    """S13."""
    arn = cloud.namespace()
    cloud.cluster_and_definition()
    with refused(code):
        create(cloud, platformVersion=version, serviceConnectConfiguration=connected(arn))


def test_unsupported_members_are_refused_and_not_ignored(cloud: Cloud) -> None:
    cloud.cluster_and_definition()
    with refused("UnsupportedFeatureException") as error:
        create(cloud, loadBalancers=[{"containerName": "app", "containerPort": 8080}])
    assert "loadBalancers" in error.message
    with refused("UnsupportedFeatureException"):
        create(cloud, schedulingStrategy="DAEMON")


def test_a_definition_that_does_not_allow_fargate_is_refused(cloud: Cloud) -> None:
    cloud.cluster()
    arguments = fargate_task(containerDefinitions=[web_container(memory=128)])
    del arguments["requiresCompatibilities"], arguments["cpu"], arguments["memory"]
    cloud.ecs.register_task_definition(**arguments)
    with refused("InvalidParameterException") as error:
        cloud.service()
    assert error.message == "Task definition does not support launch_type FARGATE."


def test_an_unknown_cluster_definition_or_service_is_named_as_such(cloud: Cloud) -> None:
    """C08, D04, S16."""
    with refused("ClusterNotFoundException"):
        cloud.service()
    cloud.cluster()
    with refused("ClientException") as error:
        cloud.service()
    assert error.message == "TaskDefinition not found."
    for call in (cloud.ecs.update_service, cloud.ecs.delete_service):
        with refused("ServiceNotFoundException"):
            call(cluster="shop", service="web")


class TestRepeating:
    """S01: only an equal clientToken with equal arguments is a repetition."""

    @pytest.fixture(autouse=True)
    def existing(self, cloud: Cloud) -> None:
        cloud.cluster_and_definition()
        cloud.service(clientToken="first")

    def test_the_same_token_and_arguments_return_the_same_service(self, cloud: Cloud) -> None:
        before = cloud.described()["deployments"][0]["id"]
        again = cloud.service(clientToken="first")
        assert [deployment["id"] for deployment in again["deployments"]] == [before]

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({}, id="no token"),
            pytest.param({"clientToken": "second"}, id="another token"),
            pytest.param({"clientToken": "first", "desiredCount": 2}, id="other arguments"),
        ],
    )
    def test_any_other_repetition_is_refused(self, cloud: Cloud, changes: dict[str, Any]) -> None:
        with refused("InvalidParameterException") as error:
            cloud.service(**changes)
        assert error.message == "Creation of service was not idempotent."

    def test_a_draining_service_keeps_its_name(self, cloud: Cloud) -> None:
        """S02."""
        cloud.wait()
        cloud.ecs.delete_service(cluster="shop", service="web", force=True)
        with refused("InvalidParameterException") as error:
            cloud.service(clientToken="second")
        assert error.message == "Unable to Start a service that is still Draining."
        cloud.wait()
        assert cloud.service(clientToken="second")["status"] == "ACTIVE"


def test_draining_services_are_described_but_not_listed(cloud: Cloud) -> None:
    """S02."""
    cloud.running_web()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    assert cloud.ecs.list_services(cluster="shop")["serviceArns"] == []
    assert cloud.described()["status"] == "DRAINING"


def test_a_draining_or_inactive_service_cannot_be_changed(cloud: Cloud) -> None:
    """S17."""
    cloud.running_web()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    for _ in ("draining", "inactive"):
        with refused("ServiceNotActiveException"):
            cloud.ecs.update_service(cluster="shop", service="web", desiredCount=2)
        cloud.wait()


def test_an_unknown_service_is_missing(cloud: Cloud) -> None:
    """S18, H22: a failure beside the results, not an error."""
    cloud.running_web()
    answer = cloud.ecs.describe_services(cluster="shop", services=["web", "other"])
    assert [item["serviceName"] for item in answer["services"]] == ["web"]
    (failure,) = answer["failures"]
    assert failure["arn"].endswith(":service/shop/other")
    assert failure["reason"] == "MISSING"


def test_tags_are_propagated_to_tasks_on_request(cloud: Cloud) -> None:
    cloud.running_web(
        tags=[{"key": "owner", "value": "me"}],
        propagateTags="SERVICE",
        enableECSManagedTags=True,
    )
    (task,) = cloud.tasks()
    assert {tag["key"]: tag["value"] for tag in task["tags"]} == {
        "owner": "me",
        "aws:ecs:clusterName": "shop",
        "aws:ecs:serviceName": "web",
    }
    assert cloud.described()["tags"] == [{"key": "owner", "value": "me"}]


def test_every_kind_of_resource_can_be_tagged(cloud: Cloud) -> None:
    service = cloud.running_web()
    (task,) = cloud.tasks()
    for arn in (
        service["clusterArn"],
        service["serviceArn"],
        service["taskDefinition"],
        task["taskArn"],
    ):
        cloud.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}])
        cloud.ecs.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}])
        cloud.ecs.untag_resource(resourceArn=arn, tagKeys=["a"])
        tags = cloud.ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        assert tags == [{"key": "b", "value": "2"}]


class TestRequestShape:
    """The server checks a request against the service's model, whatever the client let pass."""

    @pytest.fixture
    def careless(self, cloud: Cloud) -> Any:
        return boto3.client("ecs", config=Config(parameter_validation=False))

    def test_a_namespace_that_is_not_a_string_is_refused(self, cloud: Cloud, careless: Any) -> None:
        """The mistake in the tutorial's own file: "namespace": true."""
        cloud.cluster()
        configuration = {"enabled": True, "namespace": True}
        with refused("SerializationException") as error:
            careless.create_service(**fargate_service(serviceConnectConfiguration=configuration))
        assert "serviceConnectConfiguration.namespace" in error.message

    @pytest.mark.parametrize(
        ("changes", "where"),
        [
            pytest.param({"serviceName": None}, "serviceName", id="missing"),
            pytest.param({"launchType": "MOON"}, "launchType", id="not one of the enum"),
            pytest.param({"tags": [{"key": "k" * 129, "value": ""}]}, "tags[0].key", id="too long"),
        ],
    )
    def test_the_models_limits_are_enforced(
        self, careless: Any, changes: dict[str, Any], where: str
    ) -> None:
        arguments = {n: v for n, v in fargate_service(**changes).items() if v is not None}
        with refused("InvalidParameterException") as error:
            careless.create_service(**arguments)
        assert where in error.message

    def test_an_unsupported_operation_is_refused(self, cloud: Cloud) -> None:
        with refused("UnknownOperationException") as error:
            cloud.ecs.list_container_instances()
        assert "not supported by the local cloud" in error.message

    def test_another_region_is_refused(self, cloud: Cloud) -> None:
        with refused("UnrecognizedClientException") as error:
            boto3.client("ecs", "eu-central-1").list_clusters()
        assert "ap-northeast-1" in error.message


def create(cloud: Cloud, **changes: Any) -> Any:
    """Creates the service "web"; a change of None omits the argument."""
    arguments = fargate_service(**changes)
    return cloud.ecs.create_service(**{n: v for n, v in arguments.items() if v is not None})
