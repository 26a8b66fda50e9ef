"""What AWS puts in a service's way: no capacity, quotas, throttling, network interfaces,
secrets."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from localcloud.account import REGION
from localcloud.ecs.obstacles import (
    CAPACITY,
    INTERFACE_TIMEOUT,
    INTERNAL_ERROR,
    TASK_LIMIT,
    VCPU_LIMIT,
)
from localcloud.timings import TEST
from tests.localcloud.sent_events import SERVICE, SentEvents
from tests.localcloud.strict_cloud import Cloud, connected, refused, web_container

LONG = 30.0
MORE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def asked_for(cloud: Cloud, **arguments: Any) -> dict[str, Any]:
    """Creates a service and lets it grow as far as it can; returns its deployment."""
    cloud.cluster_and_definition()
    cloud.service(**arguments)
    cloud.wait()
    deployment: dict[str, Any] = cloud.described()["deployments"][0]
    return deployment


class TestPlacement:
    @pytest.mark.parametrize("reason", [CAPACITY, VCPU_LIMIT, TASK_LIMIT, INTERNAL_ERROR])
    def test_a_refused_placement_is_an_event_in_awss_words_and_no_task(
        self, cloud: Cloud, reason: str
    ) -> None:
        """H14, H15, H16."""
        cloud.plane.obstacles.refuse_placement("web", reason)
        deployment = asked_for(cloud)
        assert cloud.tasks() == cloud.tasks("STOPPED") == []
        assert cloud.events()[-1] == (
            f"(service web) was unable to place a task. Reason: {reason}. {MORE}"
        )
        assert deployment["failedTasks"] >= 3
        assert deployment["rolloutState"] == "IN_PROGRESS"

    def test_the_same_refusal_is_reported_once(self, cloud: Cloud, sent: SentEvents) -> None:
        """H25."""
        cloud.plane.obstacles.refuse_placement("*", CAPACITY)
        asked_for(cloud)
        assert len([text for text in cloud.events() if CAPACITY in text]) == 1
        failure = sent.details(SERVICE)[0]
        assert failure["eventType"] == "ERROR"
        assert failure["eventName"] == "SERVICE_TASK_PLACEMENT_FAILURE"
        assert failure["reason"] == "RESOURCE:FARGATE"

    def test_tasks_are_placed_when_capacity_returns(self, cloud: Cloud) -> None:
        """H14: Bivouac waits for what can heal."""
        cloud.plane.obstacles.refuse_placement("web", CAPACITY)
        asked_for(cloud)
        cloud.plane.obstacles.clear()
        cloud.wait(LONG)
        (deployment,) = cloud.described()["deployments"]
        assert (deployment["runningCount"], deployment["failedTasks"]) == (1, 0)
        assert deployment["rolloutState"] == "COMPLETED"

    def test_refused_placements_trip_the_circuit_breaker(self, cloud: Cloud) -> None:
        """H02: a task that cannot be launched is a failed task."""
        cloud.plane.obstacles.refuse_placement("web", VCPU_LIMIT)
        breaker = {"enable": True, "rollback": True}
        deployment = asked_for(cloud, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
        assert (deployment["rolloutState"], deployment["failedTasks"]) == ("FAILED", 3)

    def test_other_services_are_not_affected(self, cloud: Cloud) -> None:
        cloud.plane.obstacles.refuse_placement("api-*", CAPACITY)
        cloud.cluster_and_definition()
        cloud.service("api-1")
        cloud.service("web")
        cloud.wait()
        assert [task["group"] for task in cloud.tasks()] == ["service:web"]

    def test_throttled_operations_are_retried_and_not_counted(
        self, cloud: Cloud, sent: SentEvents
    ) -> None:
        """H17."""
        cloud.plane.obstacles.throttle_operations("web")
        deployment = asked_for(cloud)
        assert cloud.events() == [
            "(service web) operations are being throttled. Will try again later."
        ]
        assert sent.details(SERVICE)[0]["eventName"] == "ECS_OPERATION_THROTTLED"
        assert deployment["failedTasks"] == 0
        cloud.plane.obstacles.clear()
        cloud.wait()
        assert len(cloud.tasks()) == 1

    def test_a_task_without_a_network_interface_stops(self, cloud: Cloud) -> None:
        cloud.plane.obstacles.fail_provisioning("web")
        asked_for(cloud)
        stopped = cloud.tasks("STOPPED")[0]
        assert (stopped["stopCode"], stopped["stoppedReason"]) == (
            "TaskFailedToStart",
            INTERFACE_TIMEOUT,
        )
        (attachment,) = stopped["attachments"]
        assert [detail["name"] for detail in attachment["details"]] == ["subnetId"]
        cloud.plane.obstacles.clear()
        cloud.wait(LONG)
        assert cloud.tasks()[0]["lastStatus"] == "RUNNING"


class TestSecrets:
    """H08."""

    def with_secret(self, cloud: Cloud, value_from: str) -> None:
        cloud.cluster()
        secret = {"name": "PASSWORD", "valueFrom": value_from}
        cloud.task_definition(containerDefinitions=[web_container(secrets=[secret])])
        cloud.service()
        cloud.wait()

    def secret(self, **values: str) -> str:
        client: Any = boto3.client("secretsmanager", region_name=REGION)
        text = json.dumps(values) if values else "s3cret"
        arn: str = client.create_secret(Name="shop/db", SecretString=text)["ARN"]
        return arn

    def password(self, cloud: Cloud) -> str:
        (task,) = cloud.runtime.running()
        return task.containers[0].environment["PASSWORD"]

    def stopped_reason(self, cloud: Cloud) -> str:
        assert cloud.tasks("STOPPED")[0]["stopCode"] == "TaskFailedToStart"
        return str(cloud.tasks("STOPPED")[0]["stoppedReason"])

    def test_a_secret_is_an_environment_variable(self, cloud: Cloud) -> None:
        self.with_secret(cloud, self.secret())
        assert self.password(cloud) == "s3cret"

    def test_one_key_of_a_secret_is_an_environment_variable(self, cloud: Cloud) -> None:
        self.with_secret(cloud, f"{self.secret(password='k3y')}:password::")
        assert self.password(cloud) == "k3y"

    @pytest.mark.parametrize(
        "value_from", ["/shop/db", "arn:aws:ssm:ap-northeast-1:123456789012:parameter/shop/db"]
    )
    def test_a_parameter_by_name_or_arn(self, cloud: Cloud, value_from: str) -> None:
        client: Any = boto3.client("ssm", region_name=REGION)
        client.put_parameter(Name="/shop/db", Value="p4ram", Type="SecureString")
        self.with_secret(cloud, value_from)
        assert self.password(cloud) == "p4ram"

    def test_a_missing_secret_stops_the_task(self, cloud: Cloud) -> None:
        arn = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:nothing-AbCdEf"
        self.with_secret(cloud, arn)
        reason = self.stopped_reason(cloud)
        assert reason.startswith(
            "ResourceInitializationError: unable to pull secrets or registry auth: "
        )
        assert f"failed to fetch secret {arn} from secrets manager" in reason
        assert reason.endswith("Secrets Manager can't find the specified secret.")
        assert any(reason in text for text in cloud.events())

    def test_a_missing_parameter_stops_the_task(self, cloud: Cloud) -> None:
        self.with_secret(cloud, "/shop/nothing")
        assert self.stopped_reason(cloud).endswith("invalid ssm parameters: /shop/nothing")

    def test_a_missing_key_stops_the_task(self, cloud: Cloud) -> None:
        self.with_secret(cloud, f"{self.secret(user='me')}:password::")
        assert "did not contain json key password" in self.stopped_reason(cloud)

    def test_a_role_that_may_not_read_it_stops_the_task(self, cloud: Cloud) -> None:
        arn = self.secret()
        asked: list[tuple[str, str, str]] = []

        def refuse(role_arn: str, action: str, resource: str) -> str:
            asked.append((role_arn, action, resource))
            return f"User: someone is not authorized to perform: {action}"

        cloud.plane.ecs.secrets.refusal = refuse
        self.with_secret(cloud, arn)
        assert asked[0] == (cloud.role_arn, "secretsmanager:GetSecretValue", arn)
        assert (
            "api error AccessDeniedException: User: someone is not authorized to perform: "
            "secretsmanager:GetSecretValue"
        ) in self.stopped_reason(cloud)


class TestLeftovers:
    """S07: the Cloud Map service of an endpoint stays, and its name stays taken."""

    def services(self, cloud: Cloud) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cloud.cloudmap.list_services()["Services"]
        return found

    def orphaned(self, cloud: Cloud) -> str:
        """A service with an endpoint was deleted and its Cloud Map service is left; returns the
        namespace."""
        namespace = cloud.namespace()
        cloud.plane.obstacles.leave_discovery_services("web")
        cloud.running_web(serviceConnectConfiguration=connected(namespace))
        cloud.ecs.delete_service(cluster="shop", service="web", force=True)
        cloud.wait()
        return namespace

    def test_its_name_stays_taken_until_it_is_removed(self, cloud: Cloud) -> None:
        namespace = self.orphaned(cloud)
        (left,) = self.services(cloud)
        tags = cloud.cloudmap.list_tags_for_resource(ResourceARN=left["Arn"])["Tags"]
        assert [tag["Key"] for tag in tags] == ["AmazonECSManaged"]
        assert cloud.cloudmap.list_instances(ServiceId=left["Id"])["Instances"] == []
        configuration = connected(namespace)
        with refused("InvalidParameterException") as error:
            cloud.service(serviceConnectConfiguration=configuration)
        assert error.message == f"SC service is already used by {namespace}"
        cloud.cloudmap.delete_service(Id=left["Id"])
        cloud.service(serviceConnectConfiguration=configuration)
        cloud.wait()
        assert cloud.described()["deployments"][0]["rolloutState"] == "COMPLETED"

    def test_nothing_else_is_left_of_the_service(self, cloud: Cloud) -> None:
        """N11: only the namespace cannot be deleted."""
        namespace = self.orphaned(cloud)
        assert cloud.described()["status"] == "INACTIVE"
        assert cloud.plane.gone_moments
        with refused("ResourceInUse"):
            cloud.cloudmap.delete_namespace(Id=namespace.rsplit("/", 1)[-1])

    def test_a_rollback_leaves_the_endpoint_of_the_failed_deployment(self, cloud: Cloud) -> None:
        """S07: after a circuit breaker's rollback."""
        namespace = cloud.namespace()
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        cloud.running_web(
            serviceConnectConfiguration=connected(namespace), deploymentConfiguration=breaker
        )
        cloud.plane.obstacles.leave_discovery_services("web")
        cloud.plane.obstacles.refuse_placement("web", CAPACITY)
        renamed = connected(
            namespace, discoveryName="new", clientAliases=[{"port": 80, "dnsName": "new"}]
        )
        cloud.ecs.update_service(cluster="shop", service="web", serviceConnectConfiguration=renamed)
        cloud.wait(LONG)
        assert {item["Name"] for item in self.services(cloud)} == {"web", "new"}
        with refused("InvalidParameterException") as error:
            cloud.ecs.update_service(
                cluster="shop", service="web", serviceConnectConfiguration=renamed
            )
        assert "SC service is already used by" in error.message


def test_a_removed_obstacle_has_no_effect(cloud: Cloud) -> None:
    cloud.plane.obstacles.refuse_placement("web", CAPACITY)
    cloud.plane.obstacles.clear()
    asked_for(cloud)
    cloud.wait(TEST.steady)
    assert cloud.described()["deployments"][0]["failedTasks"] == 0
