"""The life of a service's tasks: how they start, fail, end and are replaced."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.account import SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.tasks.scripted import (
    exits,
    healthy,
    ignores_sigterm,
    in_turn,
    never_healthy,
    pull_failed,
    runs,
    unhealthy,
)
from localcloud.timings import TEST
from tests.localcloud.strict_cloud import (
    Cloud,
    connected,
    health_check,
    refused,
    web_container,
)

IMAGE = "registry/web:1"
NOT_FOUND = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    "registry/web:1: not found"
)
AWSLOGS: dict[str, Any] = {
    "logDriver": "awslogs",
    "options": {
        "awslogs-group": "/ecs/web",
        "awslogs-region": "ap-northeast-1",
        "awslogs-stream-prefix": "web",
    },
}


def checked(**check: Any) -> dict[str, Any]:
    return {"containerDefinitions": [web_container(healthCheck=health_check(**check))]}


def test_a_task_goes_through_its_states_in_order(cloud: Cloud) -> None:
    cloud.cluster_and_definition()
    cloud.service()
    assert cloud.tasks() == []
    seen = []
    for seconds in (TEST.placement, TEST.provisioning, TEST.pull):
        cloud.wait(seconds)
        seen.append(cloud.tasks()[0]["lastStatus"])
    assert seen == ["PROVISIONING", "PENDING", "RUNNING"]

    cloud.ecs.stop_task(cluster="shop", task=cloud.tasks()[0]["taskArn"], reason="enough")
    (stopping,) = cloud.tasks("STOPPED")
    assert (stopping["lastStatus"], stopping["desiredStatus"]) == ("STOPPING", "STOPPED")
    cloud.wait(0)
    assert cloud.tasks("STOPPED")[0]["lastStatus"] == "DEPROVISIONING"
    cloud.wait(TEST.deprovisioning)
    (stopped,) = cloud.tasks("STOPPED")
    assert stopped["lastStatus"] == "STOPPED"
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")


def test_a_task_with_endpoints_is_activating_before_it_runs(cloud: Cloud) -> None:
    """Its containers run and its deployment counts it as pending."""
    arn = cloud.namespace()
    cloud.cluster_and_definition()
    cloud.service(serviceConnectConfiguration=connected(arn))
    cloud.wait(TEST.placement + TEST.provisioning + TEST.pull)
    (task,) = cloud.tasks()
    assert task["lastStatus"] == "ACTIVATING"
    assert "startedAt" not in task
    assert task["containers"][0]["lastStatus"] == "RUNNING"
    (deployment,) = cloud.described()["deployments"]
    assert (deployment["pendingCount"], deployment["runningCount"]) == (1, 0)
    cloud.wait(TEST.registration / 2)
    assert cloud.tasks()[0]["lastStatus"] == "RUNNING"


def test_a_task_that_ends_while_activating_has_failed(cloud: Cloud) -> None:
    """H05, H11: it did not fail to start, yet never reached RUNNING."""
    cloud.runtime.script(IMAGE, exits(1))
    arn = cloud.namespace()
    cloud.cluster_and_definition()
    cloud.service(serviceConnectConfiguration=connected(arn))
    cloud.wait()
    stopped = cloud.tasks("STOPPED")[0]
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert {c["name"]: c["exitCode"] for c in stopped["containers"]}["app"] == 1
    assert cloud.described()["deployments"][0]["failedTasks"] >= 3


def test_containers_show_their_images_digest_once_it_is_pulled(cloud: Cloud) -> None:
    cloud.cluster_and_definition()
    cloud.service()
    cloud.wait(TEST.placement + TEST.provisioning)
    assert "imageDigest" not in cloud.tasks()[0]["containers"][0]
    cloud.wait()
    assert cloud.tasks()[0]["containers"][0]["imageDigest"].startswith("sha256:")


def test_a_running_container_says_who_plays_its_image(cloud: Cloud) -> None:
    """In its `reason`, which AWS has for running containers, too (ECS API reference, Container)."""
    cloud.runtime.script(IMAGE, runs(remark="played"))
    cloud.running_web()
    (task,) = cloud.tasks()
    assert [each.get("reason") for each in task["containers"]] == ["played"]
    cloud.ecs.stop_task(cluster="shop", task=task["taskArn"])
    cloud.wait()
    (stopped,) = cloud.tasks("STOPPED")
    assert [each.get("reason") for each in stopped["containers"]] == [None]


def test_every_change_increases_the_tasks_version(cloud: Cloud) -> None:
    """W01: events about a task are ordered by it."""
    cloud.cluster_and_definition()
    cloud.service()
    versions = []
    for _ in range(4):
        cloud.wait(0.05)
        versions += [task["version"] for task in cloud.tasks()]
    assert versions == sorted(versions)
    assert len(set(versions)) > 2


def test_a_stopped_task_of_an_active_service_is_replaced(cloud: Cloud) -> None:
    """D07."""
    cloud.running_web()
    (first,) = cloud.tasks()
    cloud.ecs.stop_task(cluster="shop", task=first["taskArn"])
    cloud.wait()
    (second,) = cloud.tasks()
    assert second["taskArn"] != first["taskArn"]
    assert (second["lastStatus"], second["startedBy"]) == ("RUNNING", first["startedBy"])


def test_an_image_that_cannot_be_pulled_fails_the_task_before_it_starts(cloud: Cloud) -> None:
    """H05, H06, H07."""
    cloud.runtime.script(IMAGE, pull_failed(NOT_FOUND))
    service = cloud.running_web()
    (deployment,) = service["deployments"]
    assert deployment["failedTasks"] >= 3
    assert (deployment["rolloutState"], deployment["runningCount"]) == ("IN_PROGRESS", 0)
    stopped = cloud.tasks("STOPPED")[0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("TaskFailedToStart", NOT_FOUND)
    assert stopped["startedBy"] == deployment["id"]
    assert stopped["containers"][0]["reason"] == NOT_FOUND
    assert "exitCode" not in stopped["containers"][0]


def test_repeatedly_failing_tasks_are_reported_once_and_retried_forever(cloud: Cloud) -> None:
    """H13, H25."""
    cloud.runtime.script(IMAGE, pull_failed(NOT_FOUND))
    cloud.running_web()
    failing = [text for text in cloud.events() if "unable to consistently start" in text]
    assert len(failing) == 1
    before = cloud.described()["deployments"][0]["failedTasks"]
    cloud.wait()
    assert cloud.described()["deployments"][0]["failedTasks"] > before


def test_failed_tasks_are_counted_until_the_first_good_one(cloud: Cloud) -> None:
    """H05."""
    cloud.runtime.script(IMAGE, in_turn(pull_failed(NOT_FOUND), pull_failed(NOT_FOUND), runs()))
    (deployment,) = cloud.running_web()["deployments"]
    assert (deployment["failedTasks"], deployment["rolloutState"]) == (0, "COMPLETED")


def test_a_container_that_exits_stops_its_task_and_the_task_is_replaced(cloud: Cloud) -> None:
    """H11: such tasks have run, so failedTasks does not count them."""
    cloud.runtime.script(IMAGE, exits(3, after=0.02, output=["no database"]))
    service = cloud.running_web()
    stopped = cloud.tasks("STOPPED")
    assert len(stopped) >= 2
    assert {task["stopCode"] for task in stopped} == {"EssentialContainerExited"}
    assert stopped[0]["stoppedReason"] == "Essential container in task exited"
    assert stopped[0]["containers"][0]["exitCode"] == 3
    assert service["deployments"][0]["failedTasks"] == 0


def test_a_task_survives_the_end_of_a_container_that_is_not_essential(cloud: Cloud) -> None:
    cloud.runtime.script("registry/migrate:1", exits(0))
    helper = {"name": "migrate", "image": "registry/migrate:1", "essential": False}
    cloud.cluster()
    cloud.task_definition(containerDefinitions=[web_container(), helper])
    cloud.service()
    cloud.wait()
    (task,) = cloud.tasks()
    assert task["lastStatus"] == "RUNNING"
    assert {item["name"]: item["lastStatus"] for item in task["containers"]} == {
        "app": "RUNNING",
        "migrate": "STOPPED",
    }


def test_a_container_that_ignores_sigterm_is_killed(cloud: Cloud) -> None:
    """137 is SIGKILL, after the stop time-out of its definition."""
    cloud.runtime.script(IMAGE, ignores_sigterm())
    cloud.cluster()
    cloud.task_definition(containerDefinitions=[web_container(stopTimeout=2)])
    cloud.service()
    cloud.wait()
    cloud.ecs.stop_task(cluster="shop", task=cloud.tasks()[0]["taskArn"])
    cloud.wait(1.9)
    assert cloud.tasks("STOPPED")[0]["lastStatus"] == "STOPPING"
    cloud.wait(0.2)
    (stopped,) = cloud.tasks("STOPPED")
    assert stopped["containers"][0]["exitCode"] == 137


class TestHealth:
    def test_without_a_check_health_is_unknown_and_the_service_is_steady(
        self, cloud: Cloud
    ) -> None:
        """H20."""
        cloud.running_web()
        assert cloud.tasks()[0]["healthStatus"] == "UNKNOWN"
        assert cloud.described()["deployments"][0]["rolloutState"] == "COMPLETED"

    def test_a_deployment_waits_until_checked_tasks_are_healthy(self, cloud: Cloud) -> None:
        """H01, H20: running == desired is not ready."""
        cloud.runtime.script(IMAGE, healthy(after=10))
        cloud.cluster()
        cloud.task_definition(**checked())
        made = cloud.service()
        cloud.wait()
        assert cloud.tasks()[0]["healthStatus"] == "UNKNOWN"
        assert cloud.described()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
        assert made["serviceArn"] not in cloud.plane.ready_moments
        cloud.wait(10)
        assert cloud.tasks()[0]["healthStatus"] == "HEALTHY"
        assert cloud.described()["deployments"][0]["rolloutState"] == "COMPLETED"

    def test_a_check_without_result_leaves_the_deployment_in_progress(self, cloud: Cloud) -> None:
        cloud.runtime.script(IMAGE, never_healthy())
        cloud.cluster()
        cloud.task_definition(**checked())
        cloud.service()
        cloud.wait(600)
        assert cloud.described()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
        assert len(cloud.tasks()) == 1

    def test_an_unhealthy_task_is_stopped_counted_and_replaced(self, cloud: Cloud) -> None:
        """H05, H06."""
        cloud.runtime.script(IMAGE, in_turn(unhealthy(), runs()))
        cloud.cluster()
        cloud.task_definition(**checked())
        cloud.service()
        cloud.wait()
        (stopped,) = cloud.tasks("STOPPED")
        assert stopped["stopCode"] == "ServiceSchedulerInitiated"
        assert stopped["stoppedReason"] == "Task failed container health checks"
        assert any("failed container health checks" in text for text in cloud.events())
        assert cloud.tasks()[0]["healthStatus"] == "HEALTHY"

    def test_a_task_that_becomes_unhealthy_later_is_replaced(self, cloud: Cloud) -> None:
        cloud.cluster()
        cloud.task_definition(**checked())
        cloud.service()
        cloud.wait()
        (task,) = cloud.runtime.running()
        cloud.runtime.report_health(task.task_id, "app", "UNHEALTHY")
        cloud.wait()
        (replacement,) = cloud.tasks()
        assert not replacement["taskArn"].endswith(task.task_id)


class TestLogs:
    def test_a_missing_log_group_stops_the_task(self, cloud: Cloud) -> None:
        """H09."""
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(logConfiguration=AWSLOGS)])
        cloud.service()
        cloud.wait()
        stopped = cloud.tasks("STOPPED")[0]
        assert stopped["stopCode"] == "TaskFailedToStart"
        assert stopped["stoppedReason"].startswith("ResourceInitializationError: failed to")
        assert "The specified log group does not exist" in stopped["stoppedReason"]
        assert cloud.runtime.handed_over == []

    def test_the_driver_creates_the_group_on_request(self, cloud: Cloud) -> None:
        """H09."""
        options = {**AWSLOGS["options"], "awslogs-create-group": "true"}
        configuration = {**AWSLOGS, "options": options}
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(logConfiguration=configuration)])
        cloud.service()
        cloud.wait()
        assert cloud.tasks()[0]["lastStatus"] == "RUNNING"

    def test_a_containers_log_stream_ends_in_its_task_id(self, cloud: Cloud) -> None:
        cloud.logs.create_log_group(logGroupName="/ecs/web")
        cloud.runtime.script(IMAGE, runs(output=["listening", "ready"]))
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(logConfiguration=AWSLOGS)])
        cloud.service()
        cloud.wait()
        task_id = cloud.tasks()[0]["taskArn"].rsplit("/", 1)[-1]
        found = cloud.logs.get_log_events(
            logGroupName="/ecs/web", logStreamName=f"web/app/{task_id}", startFromHead=True
        )
        assert [event["message"] for event in found["events"]] == ["listening", "ready"]


class TestRoles:
    def test_logs_of_another_region_stop_the_task(self, cloud: Cloud) -> None:
        """The group is there in this Region, and not in that one."""
        cloud.logs.create_log_group(logGroupName="/web")
        stopped = self.stopped_for(cloud, logConfiguration=logs_to("/web", "eu-central-1"))
        assert "The specified log group does not exist" in stopped["stoppedReason"]

    def test_logs_that_the_execution_role_may_not_write_stop_the_task(self, cloud: Cloud) -> None:
        cloud.logs.create_log_group(logGroupName="/web")
        refused = "User: x is not authorized to perform: logs:CreateLogStream on resource: y"
        cloud.plane.ecs.logs.refusal = lambda role, action, resource: refused
        stopped = self.stopped_for(
            cloud, logConfiguration=logs_to("/web", cloud.plane.account.region)
        )
        assert stopped["stopCode"] == "TaskFailedToStart"
        assert refused in stopped["stoppedReason"]

    def test_a_file_system_of_nobody_stops_the_task(self, cloud: Cloud) -> None:
        cloud.cluster()
        volume = {
            "name": "data",
            "efsVolumeConfiguration": {"fileSystemId": "fs-0123456789abcdef0"},
        }
        cloud.task_definition(volumes=[volume], containerDefinitions=[web_container()])
        cloud.service()
        cloud.wait(1.0)
        stopped = cloud.tasks("STOPPED")[0]
        assert 'Failed to resolve "fs-0123456789abcdef0.efs.' in stopped["stoppedReason"]

    def stopped_for(self, cloud: Cloud, **of_container: Any) -> Any:
        cloud.cluster()
        cloud.task_definition(containerDefinitions=[web_container(**of_container)])
        cloud.service()
        cloud.wait(1.0)
        return cloud.tasks("STOPPED")[0]

    def test_a_missing_role_prevents_tasks(self, cloud: Cloud) -> None:
        """H18."""
        cloud.cluster()
        cloud.task_definition(taskRoleArn="arn:aws:iam::123456789012:role/nobody")
        cloud.service()
        cloud.wait()
        assert cloud.tasks() == []
        text = cloud.events()[-1]
        assert "unable to assume the role 'arn:aws:iam::123456789012:role/nobody'" in text

    @pytest.mark.parametrize("one_statement", [False, True], ids=["a list", "one statement"])
    def test_tasks_start_once_the_role_trusts_them(self, cloud: Cloud, one_statement: bool) -> None:
        """H18: propagation. A policy's Statement may be a list or one statement (IAM guide, grammar
        of the JSON policy language)."""
        cloud.cluster()
        cloud.task_definition(taskRoleArn="arn:aws:iam::123456789012:role/app")
        cloud.service()
        cloud.wait()
        trust = cloud.iam.get_role(RoleName="ecsTaskExecutionRole")["Role"]
        document = trust["AssumeRolePolicyDocument"]
        if one_statement:
            (document["Statement"],) = document["Statement"]
        cloud.iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(document))
        cloud.wait()
        assert len(cloud.tasks()) == 1


def test_without_a_launch_type_no_container_instance_is_found(cloud: Cloud) -> None:
    """The default launch type is EC2."""
    cloud.cluster_and_definition()
    arguments = {
        "cluster": "shop",
        "serviceName": "web",
        "taskDefinition": "web",
        "desiredCount": 1,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": [SUBNET_IDS[0]]}},
    }
    cloud.ecs.create_service(**arguments)
    cloud.wait()
    (text,) = cloud.events()
    assert "No Container Instances were found in your cluster" in text


def test_fargate_spot_runs_by_its_capacity_provider(cloud: Cloud) -> None:
    cloud.cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    cloud.task_definition()
    cloud.ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": [SUBNET_IDS[0]],
                "securityGroups": [SECURITY_GROUP_ID],
            }
        },
    )
    cloud.wait()
    (task,) = cloud.tasks()
    assert task["capacityProviderName"] == "FARGATE_SPOT"
    assert "launchType" not in cloud.described()


SPOT = {"capacityProvider": "FARGATE_SPOT", "weight": 3}
FARGATE = {"capacityProvider": "FARGATE", "weight": 1, "base": 2}


def test_the_base_comes_first_and_then_the_weights(cloud: Cloud) -> None:
    cloud.cluster(
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[FARGATE, SPOT],
    )
    cloud.task_definition()
    cloud.ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web",
        desiredCount=6,
        networkConfiguration={"awsvpcConfiguration": {"subnets": [SUBNET_IDS[0]]}},
    )
    cloud.wait()
    providers = sorted(task["capacityProviderName"] for task in cloud.tasks())
    assert providers == ["FARGATE"] * 3 + ["FARGATE_SPOT"] * 3


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ([{**SPOT, "weight": 0}], "no capacity providers"),
        ([FARGATE, {**SPOT, "base": 1}], "multiple capacity providers"),
        ([SPOT, SPOT], "duplicate"),
        ([FARGATE], "not associated with the cluster"),
    ],
)
def test_a_strategy_that_breaks_a_rule_is_refused(
    cloud: Cloud, strategy: list[dict[str, Any]], told: str
) -> None:
    cloud.cluster()
    providers = ["FARGATE_SPOT"] if told.startswith("not") else ["FARGATE", "FARGATE_SPOT"]
    with refused("InvalidParameterException") as error:
        cloud.ecs.put_cluster_capacity_providers(
            cluster="shop", capacityProviders=providers, defaultCapacityProviderStrategy=strategy
        )
    assert told in error.message


def test_a_stopped_task_is_described_for_an_hour(cloud: Cloud) -> None:
    """H22."""
    cloud.running_web()
    (task,) = cloud.tasks()
    cloud.ecs.stop_task(cluster="shop", task=task["taskArn"])
    cloud.wait()
    assert len(cloud.tasks("STOPPED")) == 1
    cloud.wait(3600)
    assert cloud.tasks("STOPPED") == []


def test_unknown_tasks_are_missing_or_refused(cloud: Cloud) -> None:
    cloud.running_web()
    answer = cloud.ecs.describe_tasks(cluster="shop", tasks=["0" * 32])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    with refused("InvalidParameterException") as error:
        cloud.ecs.stop_task(cluster="shop", task="0" * 32)
    assert error.message == "The referenced task was not found."


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ({"serviceName": "web"}, 2),
        ({"serviceName": "other"}, 1),
        ({"family": "web"}, 3),
        ({"family": "none"}, 0),
        ({"launchType": "EC2"}, 0),
        ({"desiredStatus": "STOPPED"}, 0),
    ],
)
def test_tasks_are_listed_by_cluster_service_or_family(
    cloud: Cloud, condition: dict[str, str], count: int
) -> None:
    cloud.running_web(desiredCount=2)
    cloud.service("other")
    cloud.wait()
    assert len(cloud.ecs.list_tasks(cluster="shop", **condition)["taskArns"]) == count
    with refused("ServiceNotFoundException"):
        cloud.ecs.list_tasks(cluster="shop", serviceName="nothing")


def logs_to(group: str, region: str) -> dict[str, Any]:
    options = {"awslogs-group": group, "awslogs-region": region, "awslogs-stream-prefix": "web"}
    return {"logDriver": "awslogs", "options": options}
